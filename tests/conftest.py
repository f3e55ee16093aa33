"""What every test gets: the rule on skips, and how many random examples hypothesis tries."""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

REQUIRE_ALL = os.environ.get("SESSIM_REQUIRE_ALL") == "1"
BY_DESIGN = "by design: "

settings.register_profile(
    "default",
    deadline=None,  # a busy machine must not fail a test
    derandomize=os.environ.get("CI") == "true",
)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=1000)
settings.load_profile("default")


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure.

    A test that lacks a tool (a browser, say) skips with its reason. Under SESSIM_REQUIRE_ALL=1, as
    in `.ci/run`, it fails instead, so that a green run means that everything ran. A skip that no
    tool would cure begins its reason with "by design: " and stays one; so does an expected failure.
    """
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not reason.startswith(BY_DESIGN):
        report.outcome = "failed"
        report.longrepr = f"SESSIM_REQUIRE_ALL=1 allows no skip, and this was one: {reason}"


if REQUIRE_ALL:

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        _refuse_skip(report)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        report = yield
        _refuse_skip(report)
        return report
