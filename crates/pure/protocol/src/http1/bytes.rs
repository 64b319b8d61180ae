//! Classes of bytes as tables, for the loops that look at every byte.
