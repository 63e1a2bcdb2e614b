"""The mathematics of consensus: every fact weighed across its sources. Nothing is wired to users yet.

`weighing.weigh` takes typed claims (kgmem.domain.claims.consensus) to verdicts; `methods.run` takes arrays to arrays.
"""
