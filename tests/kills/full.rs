//! No room on the disk.
