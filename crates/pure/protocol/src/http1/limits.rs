//! How much of a message is read before giving up.

/// Limits of heads, targets and chunk extensions. Each has the name of its key under `limits:`;
/// both sides of each are tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `requestLineBytes`: the request target without scheme and host. Past it: 414.
    pub request_line_bytes: usize,
    /// `headBytes`: the sum of `name: value CRLF` over all fields (TH-50). Past it: 431.
    pub head_bytes: usize,
    /// `rawHeadBytes`: all bytes of a head as they came. Past it: 431, or 414 in the first line.
    pub raw_head_bytes: usize,
    /// `headerFields`: field lines. Past it: 431.
    pub header_fields: usize,
    /// `headerNameBytes`: one field name. Past it: 431.
    pub header_name_bytes: usize,
    /// `pathSegments`: segments of a path. Past it: 414.
    pub path_segments: usize,
    /// `queryParameters`: parameters of a query. Past it: 400.
    pub query_parameters: usize,
    /// `chunkExtensionBytes`: the extensions of one chunk. Past it: 400.
    pub chunk_extension_bytes: usize,
    /// `chunkExtensionTotalBytes`: the extensions of one body. Past it: 400.
    pub chunk_extension_total_bytes: usize,
}

impl Limits {
    /// The defaults for private APIs.
    pub const PRIVATE: Self = Self {
        request_line_bytes: 8_192,
        head_bytes: 8_000,
        raw_head_bytes: 16 * 1_024,
        header_fields: 100,
        header_name_bytes: 256,
        path_segments: 128,
        query_parameters: 256,
        chunk_extension_bytes: 1_024,
        chunk_extension_total_bytes: 16 * 1_024,
    };

    /// The defaults for `publicListeners`: the figures of Regional APIs.
    pub const PUBLIC: Self =
        Self { request_line_bytes: 10_240, head_bytes: 10_240, raw_head_bytes: 24 * 1_024, ..Self::PRIVATE };
}

impl Default for Limits {
    fn default() -> Self {
        Self::PRIVATE
    }
}
