//! Only its manifest is of interest.
