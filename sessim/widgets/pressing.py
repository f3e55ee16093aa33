"""Names in a table that are pressed to choose from a box, which stays the one control."""

from __future__ import annotations

from typing import Final

_SCRIPT: Final = """
const panel = this.closest('.sessim-panel');
const choose = event => {
  const name = event.target.closest('[data-%(what)s]');
  if (!name || event.button) return;
  const box = panel.querySelector('.%(box)s select');
  const own = option => option.text.split(':')[0] === name.dataset.%(what)s;
  const at = [...box.options].findIndex(own);
  if (at < 0) return;
  box.selectedIndex = at;
  box.focus();
  box.dispatchEvent(new Event('change', {bubbles: true}));
  event.preventDefault();
};
if (!panel.sessimPress) {
  panel.sessimPress = true;
  panel.addEventListener('mousedown', choose);
  panel.addEventListener('click', choose);
}
"""


def script(what: str, box: str) -> str:
    """Return a script that lets a press on an element with ``data-what`` choose from a box.

    The box is a list of the class ``box``, whose entries begin with the element's value and a
    colon; the press moves the focus there. Already the mouse button's going down does: before it
    is let go, the table may have been drawn anew, and then there is no click.
    """
    return _SCRIPT % {"what": what, "box": box}
