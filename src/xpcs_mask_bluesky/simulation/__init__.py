"""A simulated XPCS beamline: the physics of the frames, and the ophyd devices that record them.

It computes the scattering vector by a formula of its own, so that a partition made by the rest of this
package can be proved on its frames. What the devices say in run documents:

========================================  =========  ====================================================
data key                                  unit       where
========================================  =========  ====================================================
``mono_energy``                           keV        configuration of ``mono``; ``bps.configure`` changes
                                                     it in mid-run
``flight_path_length``                    mm         event or baseline; the sample-detector distance
``stage_x``, ``stage_y``                  mm         baseline; +x moves the beam centre to larger columns,
                                                     +y to larger rows, by position / pixel size
``swing_horizontal``, ``swing_vertical``  deg        event or baseline
``eiger4M_image``                         counts     external ``STREAM:``, shape (frames, rows, columns)
``eiger4M_cam_beam_center_x``, ``…_y``    pixels     configuration
``eiger4M_cam_photon_energy``             eV         configuration
``eiger4M_cam_wavelength``                Angstroms  configuration
``eiger4M_cam_det_distance``              m          configuration
``eiger4M_cam_x_pixel_size``, ``…_y_…``   m          configuration
``eiger4M_cam_acquire_period``            s          configuration
``eiger4M_cam_num_images``                1          configuration
========================================  =========  ====================================================

The stage's home (0, 0) has the beam centre at column 171.3, row 82.6 of 256 × 256 pixels of 75 µm. The
``cam`` keys are true when the detector is staged and stale when something moves within the run, as a real
Eiger's are; then the event, or the new descriptor of ``mono``, is the better source.
"""
