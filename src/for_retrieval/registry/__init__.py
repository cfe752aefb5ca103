"""Versions of the model, the gate between challenger and champion, promotion and rollback.

state: is there something to release; loads nothing. register, promote, rollback: the three steps.
gate, canary, comparison: what promotion asks. versions: MLflow's side of it. Nothing is imported here.
"""
