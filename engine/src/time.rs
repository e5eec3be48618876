/// The time at which something is handled, as two clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Never goes back; in milliseconds from any origin. Time-outs are measured on it.
    pub monotonic_ms: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z, as the wall clock says; may jump. Timestamps are taken from it.
    pub wall_ms: i64,
}
