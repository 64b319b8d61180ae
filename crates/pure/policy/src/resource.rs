//! What stands in `Resource`: ARNs part by part, short forms expanded.

use crate::{
    arn::{Arn, ExecuteApiBase},
    context::{ConditionKey, Context},
    document::{PolicyKind, Reading},
    pattern::{Pattern, Syntax, lacks_parts},
};

/// One resource of a statement, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourcePattern {
    written: Box<str>,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// A lone `*`.
    Everything,
    /// An ARN: five parts, then what stands behind the fifth colon.
    Arn(Box<Parts>),
    /// An ARN with wildcards and fewer parts than six: it matches nothing, since no wildcard
    /// crosses a colon before the last part (RP-26).
    Incomplete,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    partition: Pattern,
    service: Pattern,
    region: Pattern,
    account: Pattern,
    resource: Pattern,
}

/// Whether a pattern matches the requests of one API, as far as can be said without a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Always,
    Never,
    Sometimes,
}

impl ResourcePattern {
    /// Compiles one text of `Resource` or `NotResource`. The short form of a private domain name
    /// gives two patterns (RP-22).
    ///
    /// # Errors
    /// What was expected, as the end of "… is `text`: …".
    pub(crate) fn compile(
        written: &str,
        reading: &Reading<'_>,
        variables: bool,
    ) -> Result<Vec<Self>, &'static str> {
        if written == "*" {
            return Ok(vec![Self { written: written.into(), form: Form::Everything }]);
        }
        let of_arn = |arn: &str| -> Result<Self, &'static str> {
            let parts = Parts::compile(arn, reading, variables)?;
            Ok(Self { written: written.into(), form: Form::Arn(Box::new(parts)) })
        };
        let is_short = written.starts_with("arn:") && lacks_parts(written) && written.contains(['*', '?']);
        if is_short && reading.kind != PolicyKind::Identity {
            return Ok(vec![Self { written: written.into(), form: Form::Incomplete }]);
        }
        let Some(path) = written.strip_prefix("execute-api:") else {
            return Ok(vec![of_arn(written)?]);
        };
        let base = reading
            .base
            .ok_or("expected a whole ARN: no API is known that the short form could stand for")?;
        if !path.starts_with('/') {
            return Err("expected `/` behind `execute-api:`, as in `execute-api:/*`");
        }
        let mut patterns = vec![of_arn(&format!("{}{path}", base.arn()))?];
        if base.is_domain() && path == "/*" {
            patterns.push(of_arn(&base.arn().to_string())?);
        }
        Ok(patterns)
    }

    /// The text as the policy has it.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// Whether a request's resource matches, part by part (RP-26).
    pub(crate) fn matches(&self, arn: &Arn<'_>, context: &impl Context) -> bool {
        match &self.form {
            Form::Everything => true,
            Form::Incomplete => false,
            Form::Arn(parts) => {
                parts.matches_authority(arn, context) && parts.resource.matches(arn.resource, context)
            }
        }
    }

    /// Whether it matches the requests of an API: their resources start with the API's id and `/`.
    pub(crate) fn reach(&self, base: &ExecuteApiBase<'_>) -> Reach {
        let parts = match &self.form {
            Form::Everything => return Reach::Always,
            Form::Incomplete => return Reach::Never,
            Form::Arn(parts) => parts,
        };
        // Only the last part can hold variables, so no context is asked.
        if !parts.matches_authority(&base.arn(), &Nothing) {
            return Reach::Never;
        }
        if base.is_domain() {
            return Reach::Sometimes;
        }
        let prefix = [base.resource(), "/"].concat();
        if parts.resource.matches_all_that_start_with(&prefix) {
            return Reach::Always;
        }
        if parts.resource.may_match_what_starts_with(&prefix) { Reach::Sometimes } else { Reach::Never }
    }

    /// Whether it is a lone `*`.
    pub(crate) fn is_everything(&self) -> bool {
        self.form == Form::Everything
    }

    /// Whether it is an ARN with fewer than six parts.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.form == Form::Incomplete
    }

    /// The pattern behind the fifth colon, if it has one: `*` has none.
    pub(crate) const fn last_part(&self) -> Option<&Pattern> {
        if let Form::Arn(parts) = &self.form { Some(&parts.resource) } else { None }
    }

    /// The pattern of the account, if it has one.
    pub(crate) const fn account(&self) -> Option<&Pattern> {
        if let Form::Arn(parts) = &self.form { Some(&parts.account) } else { None }
    }

    /// Whether it is about API Gateway at all.
    pub(crate) fn is_of_execute_api(&self) -> bool {
        match &self.form {
            Form::Everything | Form::Incomplete => true,
            Form::Arn(parts) => parts.service.matches("execute-api", &Nothing),
        }
    }

    /// The keys of its variables.
    pub(crate) fn variables(&self) -> impl Iterator<Item = &ConditionKey> {
        self.last_part().into_iter().flat_map(Pattern::variables)
    }

    /// A resource that matches, built on the request's own where the pattern leaves parts open.
    pub(crate) fn example(&self, arn: &Arn<'_>, context: &impl Context) -> Option<String> {
        let Form::Arn(parts) = &self.form else { return None };
        let own = |pattern: &Pattern, own: &str| {
            if pattern.matches(own, context) { own.to_owned() } else { pattern.example(context) }
        };
        Some(format!(
            "arn:{}:{}:{}:{}:{}",
            own(&parts.partition, arn.partition),
            own(&parts.service, arn.service),
            own(&parts.region, arn.region),
            own(&parts.account, arn.account),
            own(&parts.resource, arn.resource)
        ))
    }
}

impl Parts {
    fn compile(arn: &str, reading: &Reading<'_>, variables: bool) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected `*`, an ARN of six parts, or the short form `execute-api:/…`";
        let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
        let is_arn = parts.first() == Some(&"arn");
        // AWS fills up what an ARN of an identity-based policy lacks; a resource policy has no such rule.
        let may_be_short = reading.kind == PolicyKind::Identity && parts.len() >= 3;
        if is_arn && may_be_short {
            parts.resize(6, "*");
        }
        let [_, partition, service, region, account, resource] = parts.as_slice() else {
            return Err(EXPECTED);
        };
        if !is_arn {
            return Err(EXPECTED);
        }
        if service.contains(['*', '?']) {
            return Err("expected a service without wildcards in the third part of the ARN");
        }
        if variables && [partition, service, region, account].iter().any(|part| part.contains("${")) {
            return Err("expected variables behind the fifth colon of the ARN only");
        }
        let resource = own_api_id(service, resource, reading);
        let glob = |text: &str, variables| Pattern::compile(text, Syntax::Glob, variables);
        Ok(Self {
            partition: glob(partition, false)?,
            service: glob(service, false)?,
            region: glob(region, false)?,
            account: glob(account, false)?,
            resource: glob(&resource, variables)?,
        })
    }

    fn matches_authority(&self, arn: &Arn<'_>, context: &impl Context) -> bool {
        self.partition.matches(arn.partition, context)
            && self.service.matches(arn.service, context)
            && self.region.matches(arn.region, context)
            && self.account.matches(arn.account, context)
    }
}

/// The last part of an ARN, another API's id replaced by this API's where that was asked for.
fn own_api_id(service: &str, resource: &str, reading: &Reading<'_>) -> String {
    let (api_id, path) =
        resource.split_once('/').map_or((resource, None), |(api_id, path)| (api_id, Some(path)));
    let is_plain = !api_id.is_empty() && api_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match (reading.base, path) {
        (Some(base), path)
            if reading.rewrite_api_id && service == "execute-api" && is_plain && !base.is_domain() =>
        {
            path.map_or_else(|| base.resource().to_owned(), |path| format!("{}/{path}", base.resource()))
        }
        _ => resource.to_owned(),
    }
}

/// A context of a request that has no keys.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Context for Nothing {
    fn lookup(&self, _: &ConditionKey) -> crate::context::Lookup<'_> {
        crate::context::Lookup::Absent
    }
}
