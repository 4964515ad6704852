//! What the API may see of the engine.
