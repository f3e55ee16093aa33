"""Many simulations at once: replications, comparisons, sensitivity.

=================== ============================================================================
Module              What is in it
=================== ============================================================================
``replications``    ``replicate`` and what it returns
``running``         who runs them: here, in processes, on a cluster
``tally``           what is kept of each, as numbers
``frames``          the tidy tables
``intervals``       estimates and their confidence intervals
=================== ============================================================================
"""
