"""Is anyone speaking? PCM decoding, resampling, endpointing and sliding windows; no I/O, no clock, no threads."""
