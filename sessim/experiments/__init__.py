"""Many simulations at once: replications, comparisons, sensitivity.

=================== ============================================================================
Module              What is in it
=================== ============================================================================
``replications``    ``replicate``, and what is known from replications
``running``         who runs them: here, in processes, on a cluster; batches, and when to stop
``stack``           their numbers, taken from the model's packed notes side by side
``tally``           these numbers, put together
``frames``          the tidy tables
``intervals``       estimates and their confidence intervals
``comparing``       ``compare``: plans under common random numbers
``assumptions``     what a plan supposes, as knobs
``sensitivity``     which of them moves the finish most, and how far each may be off
``charts``          fans, and when all is done
``overlays``        the same of several plans over each other
``tornado``         the chart of the sensitivity
=================== ============================================================================
"""
