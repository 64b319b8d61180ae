//! Doubts that only the whole of a definition settles (openapi-extensions.md section 7).

use postern_document::Place;

use crate::report::Report;

/// What was seen on the way and may be worth a warning at the end.
#[derive(Default)]
pub(crate) struct Lints {
    /// Where the first integration response sets a header `Access-Control-…`.
    cross_origin: Option<Place>,
    /// Whether a gateway response sets one.
    pub(crate) gateway_headers: bool,
    /// Where `*/*` stands among the binary media types.
    pub(crate) everything_is_binary: Option<Place>,
    /// Whether some method calls a function as a proxy.
    pub(crate) proxied_function: bool,
}

impl Lints {
    /// Takes note of a header that an integration response sets.
    pub(crate) fn note_header(&mut self, name: &str, place: &Place) {
        let is_cross_origin =
            name.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("Access-Control-"));
        if is_cross_origin && self.cross_origin.is_none() {
            self.cross_origin = Some(place.clone());
        }
    }

    /// Warns of what is still in doubt at the end.
    pub(crate) fn finish(self, report: &mut Report) {
        if let Some(place) = self.cross_origin.filter(|_| !self.gateway_headers) {
            let message = "`Access-Control-` headers stand on integration responses and on no gateway response: \
                 browsers cannot read the errors of the gateway";
            report.warning(&place, message);
        }
        if let Some(place) = self.everything_is_binary.filter(|_| self.proxied_function) {
            let message = "with `*/*` functions are given every body as base64";
            report.warning(&place, message);
        }
    }
}
