//! Pictures of matrices, for files and for the window: no window needed.
