"""Deadline planning: which list goes out on which day from which domain, and how sure it is.

=========== ======================================================================
Module      What is in it
=========== ======================================================================
``asking``  ``plan_for``: from the question to the answer
``lists``   mailing lists as they are written, and the jobs made of them
``setting`` days, limits, the account's rate, what is booked
``filling`` jobs over days and domains, exactly
``assigning`` lists that must not be divided: a greedy search, HiGHS, CP-SAT
``goals``   fastest, fewest, latest, largest, and the smallest change
``making``  tasks of at most 10,000, the plan, the rows for the API
``odds``    replications with fresh seeds
``planned`` the answer: ``Planned``
``chart``   each day's emails beneath the limits
=========== ======================================================================
"""
