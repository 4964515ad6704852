//! What happens where a recording can not keep up.
