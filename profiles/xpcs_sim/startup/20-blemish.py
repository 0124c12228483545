"""The gaps and dead pixels of the simulated detector; a beamline has them in its detector's mask file."""

catalog.create_detector("eiger4M", shape=beamline.experiment.shape, blemish=~beamline.experiment.faults.blind)
