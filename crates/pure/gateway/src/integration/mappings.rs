//! The values of an integration's `requestParameters`, by what they are mapped to.

use std::borrow::Cow;

use postern_model::{RequestMapping, RequestSource, RequestTarget};
use postern_protocol::http1::FieldBlock;

use super::{
    call_head::push_mapped_header,
    parameters::{Mapped, MappedBody, request_value},
    request_line::Filling,
};
use crate::{Record, Refusal, content::BodyText, routing::Matched};

/// The values of a request's mappings.
#[derive(Debug)]
pub(crate) struct Mappings<'a> {
    values: Vec<(&'a RequestMapping, Mapped<'a>)>,
}

impl<'a> Mappings<'a> {
    /// No value.
    pub(crate) const fn none() -> Self {
        Self { values: Vec::new() }
    }

    /// Evaluates every mapping that is `wanted`. One without a value sets nothing (PM3).
    pub(crate) fn evaluate(
        record: &Record<'a>,
        matched: &Matched<'a>,
        body: &'a BodyText<'a>,
        wanted: impl Fn(&RequestMapping) -> bool,
    ) -> Result<Self, Refusal> {
        let mut values = Vec::new();
        let body = MappedBody::new(body);
        for mapping in &matched.method.integration.request_parameters {
            if !wanted(mapping) {
                continue;
            }
            let value = request_value(record, &mapping.source, &body)?;
            if value != Mapped::Nothing {
                values.push((mapping, value));
            }
        }
        Ok(Self { values })
    }

    /// The value for a place of the URI.
    pub(crate) fn path(&self, name: &str) -> Option<Filling<'_>> {
        let (mapping, value) = self
            .values
            .iter()
            .rev()
            .find(|(mapping, _)| matches!(&mapping.target, RequestTarget::Path(own) if **own == *name))?;
        let value = value.joined();
        Some(match mapping.source {
            RequestSource::Literal(_) | RequestSource::StageVariable(_) => Filling::Author(value),
            _ => Filling::Client(value),
        })
    }

    /// Names and values of query parameters, repeated ones one by one.
    pub(crate) fn query(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = self.values.iter().filter_map(|(mapping, value)| match &mapping.target {
            RequestTarget::QueryString(name) => Some((&**name, value)),
            _ => None,
        });
        named.flat_map(|(name, value)| value.as_slice().iter().map(move |value| (name, &**value)))
    }

    /// Adds the headers that are `wanted`, in place of what stands there under their names (PM5).
    pub(crate) fn push_headers(
        &self,
        wanted: impl Fn(&str) -> bool,
        fields: &mut FieldBlock,
    ) -> Result<(), Refusal> {
        for (name, value) in self.headers().filter(|(name, _)| wanted(name)) {
            fields.remove(name.as_bytes());
            push_mapped_header(name, &value.joined(), fields)?;
        }
        Ok(())
    }

    /// What is sent in place of the body that passes.
    pub(crate) fn body(&self) -> Option<Cow<'_, str>> {
        let is_body = |(mapping, _): &&(&RequestMapping, Mapped<'a>)| mapping.target == RequestTarget::Body;
        self.values.iter().find(is_body).map(|(_, value)| value.joined())
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &Mapped<'a>)> {
        self.values.iter().filter_map(|(mapping, value)| match &mapping.target {
            RequestTarget::Header(name) => Some((&**name, value)),
            _ => None,
        })
    }
}
