"""Models as files that need neither Keras nor this library, and the proof of them."""
