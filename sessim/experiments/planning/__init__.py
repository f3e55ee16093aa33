"""Deadline planning: which list goes out on which day from which domain, and how sure it is.

============= ====================================================================
Module        What is in it
============= ====================================================================
``asking``    ``plan_for``: from the question to the answer
``arguments`` its arguments, read and checked
``lists``     mailing lists as they are written
``setting``   days, limits, the account's rate, what is booked
``jobs``      what is to be placed, and where there is room
``filling``   jobs over days and domains, exactly
``network``   the same for jobs that are tied to domains: flow and linear program
``assigning`` lists that must not be divided: a greedy search
``programs``  and what it cannot decide: HiGHS, CP-SAT
``goals``     fastest, fewest, latest, largest
``changes``   the smallest change that makes a deadline possible
``making``    tasks of at most 10,000, the plan, the tables, the rows for the API
``policies``  other ways to deal lists out
``searching`` which of them optuna finds to be the best
``odds``      replications with fresh seeds
``planned``   the answer: ``Planned``
``chart``     each day's emails beneath the limits
``existing``  a task of a plan: is it done by a date, and what would do
============= ====================================================================
"""
