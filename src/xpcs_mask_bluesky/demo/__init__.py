"""The simulated beamline's story, from run documents to a diffusion coefficient."""
