"""Workarounds for backends, Keras and keras-hub, one file each, and the only imports of
their private parts. Each file says the version, the symptom, and when it may go."""
