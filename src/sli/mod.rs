//! Event-time sliding windows over sparse buckets. Knows no objective.
