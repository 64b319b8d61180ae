//! What in a policy is allowed, and yet cannot mean what it seems to.

use postern_document::{Place, Problems, did_you_mean};

use crate::{
    condition::{Condition, Expected},
    context::ConditionKey,
    document::{Policy, PolicyKind},
    operator::{Family, Quantifier},
    pattern::{Pattern, lacks_parts},
    resource::{Nothing, ResourcePattern},
    statement::{Effect, Statement},
};

/// Warns of what can never match, what lets everybody in and what is misspelt, in the order of the
/// file. Nothing here refuses a policy, and nothing is told twice: what [`Policy::parse`] warns of
/// is not repeated.
///
/// ```
/// use postern_document::Problems;
/// use postern_policy::{ExecuteApiBase, Policy, PolicyKind, Reading, lint};
///
/// let text = r#"{"Statement": {"Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke",
///  "Resource": "execute-api:/*", "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}}"#;
/// let api = ExecuteApiBase::sample();
/// let reading = Reading { base: Some(&api), ..Reading::of(PolicyKind::Resource) };
/// let policy = Policy::parse_text("policy.json", text, &reading, &mut Problems::default()).unwrap();
/// let told: Vec<_> = lint(&policy).iter().map(ToString::to_string).collect();
/// assert_eq!(told, [
///     "policy.json:2:63: warning: `aws:SourceIp` is absent from calls through a VPC endpoint, so the condition \
///      holds for all of them: `aws:VpcSourceIp` is the caller's address there",
/// ]);
/// ```
#[must_use]
pub fn lint(policy: &Policy) -> Problems {
    let mut doubts = Problems::default();
    check_whole(policy, &mut doubts);
    let (mistakes, more_doubts) = findings(policy, true);
    doubts.extend(mistakes);
    doubts.extend(more_doubts);
    doubts.sort_by_place();
    doubts
}

/// Of what [`lint`] warns of, only what is certainly a mistake: statements, resources, keys and values
/// that can never match. A gateway tells of these when it loads a policy.
#[must_use]
pub fn mistakes(policy: &Policy, is_private: bool) -> Problems {
    let (mut mistakes, _) = findings(policy, is_private);
    mistakes.sort_by_place();
    mistakes
}

/// What is certainly a mistake, and what may be meant.
fn findings(policy: &Policy, is_private: bool) -> (Problems, Problems) {
    let (mut mistakes, mut doubts) = (Problems::default(), Problems::default());
    for statement in policy.statements() {
        let mut linter =
            Linter { policy, statement, is_private, mistakes: &mut mistakes, doubts: &mut doubts };
        linter.check_principals();
        linter.check_actions();
        linter.check_resources();
        linter.check_contradictions();
        for condition in statement.conditions() {
            linter.check_condition(condition);
        }
    }
    (mistakes, doubts)
}

fn check_whole(policy: &Policy, problems: &mut Problems) {
    if policy.statements().is_empty() {
        problems.warning(policy.place(), "the policy has no statements: it allows nothing");
    }
    for (index, statement) in policy.statements().iter().enumerate() {
        let earlier = policy.statements().iter().take(index);
        if statement.sid().is_some_and(|sid| earlier.clone().any(|earlier| earlier.sid() == Some(sid))) {
            problems.warning(statement.place(), format!("{statement} has the `Sid` of another statement"));
        }
    }
    let guards = |statement: &Statement| {
        statement.effect() == Effect::Deny
            && statement.conditions().iter().any(|condition| tells_endpoints_apart(&condition.key))
    };
    let is_of_private = matches!(policy.kind(), PolicyKind::Resource | PolicyKind::Domain);
    if is_of_private && !policy.statements().iter().any(guards) {
        for statement in policy.statements().iter().filter(|statement| lets_everybody_in(statement)) {
            let message = format!(
                "{statement} lets every caller of every VPC endpoint in: no condition reads `aws:SourceVpce`, \
                 `aws:SourceVpc` or `aws:VpcSourceIp`"
            );
            problems.warning(statement.place(), message);
        }
    }
}

const fn tells_endpoints_apart(key: &ConditionKey) -> bool {
    matches!(
        key,
        ConditionKey::SourceVpce
            | ConditionKey::SourceVpc
            | ConditionKey::VpcSourceIp
            | ConditionKey::SourceIp
    )
}

/// An allow for everybody whose conditions ask neither where a call comes from nor who calls.
fn lets_everybody_in(statement: &Statement) -> bool {
    let of_everybody =
        statement.principals.as_ref().is_some_and(|clause| clause.negated != clause.names_everyone());
    let asks_who = |condition: &Condition| {
        let key = &condition.key;
        let of_caller =
            matches!(key, ConditionKey::UserId | ConditionKey::UserName | ConditionKey::ViaDomainArn)
                || key.to_string().starts_with("aws:Principal");
        of_caller || tells_endpoints_apart(key)
    };
    statement.effect() == Effect::Allow && of_everybody && !statement.conditions().iter().any(asks_who)
}

/// What is asked of a policy, and what WebSocket APIs would ask (RP-35, RP-37).
const ACTIONS: [&str; 2] = ["execute-api:Invoke", "execute-api:InvalidateCache"];
const MANAGE_CONNECTIONS: &str = "execute-api:ManageConnections";

const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

/// Checks one statement.
struct Linter<'policy, 'problems> {
    policy: &'policy Policy,
    statement: &'policy Statement,
    is_private: bool,
    mistakes: &'problems mut Problems,
    doubts: &'problems mut Problems,
}

impl Linter<'_, '_> {
    /// Tells of what may be meant.
    fn warn(&mut self, place: &Place, message: impl Into<String>) {
        self.doubts.warning(place, message);
    }

    /// Tells of what cannot be meant.
    fn mistake(&mut self, place: &Place, message: impl Into<String>) {
        self.mistakes.warning(place, message);
    }

    fn never_matches(&mut self, because: &str) {
        let message = format!("{} can never match: {because}", self.statement);
        self.mistakes.warning(self.statement.place(), message);
    }

    fn check_principals(&mut self) {
        let Some(clause) = &self.statement.principals else { return };
        match (clause.negated, self.statement.effect()) {
            (false, _) if clause.names_nobody() => {
                self.never_matches("nobody that it names ever calls an API")
            }
            (true, _) if clause.names_everyone() => self.never_matches("`NotPrincipal` names everybody"),
            (false, _) => {}
            (true, Effect::Allow) => {
                let message = "`NotPrincipal` with `Allow` lets everybody else in, anonymous callers too";
                self.warn(self.statement.place(), message);
            }
            (true, Effect::Deny) => {
                let message = "`NotPrincipal` with `Deny` spares a caller only where its account, its user or role and, \
                               of a role, its session are all listed: `aws:PrincipalArn` in a condition says it plainly";
                self.warn(self.statement.place(), message);
            }
        }
    }

    fn check_actions(&mut self) {
        let is_of_another_service = |action: &Pattern| !starts_with_service(action.written());
        for entry in &self.statement.actions.entries {
            let action = &entry.value;
            let is_known =
                ACTIONS.iter().chain([&MANAGE_CONNECTIONS]).any(|known| action.matches(known, &Nothing));
            if !is_known && !is_of_another_service(action) {
                let suggestion = did_you_mean(action.written(), ACTIONS)
                    .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
                self.mistake(&entry.place, format!("unknown action `{}`{suggestion}", action.written()));
            }
        }
        // An identity policy may well speak of other services.
        let clause = &self.statement.actions;
        let speaks_of_others = self.policy.kind() == PolicyKind::Identity
            && clause.entries.iter().any(|entry| is_of_another_service(&entry.value));
        if !ACTIONS.iter().any(|action| clause.matches(action)) && !speaks_of_others {
            self.never_matches("it is about neither `execute-api:Invoke` nor `execute-api:InvalidateCache`");
        }
    }

    fn check_resources(&mut self) {
        let is_deny_of_these = (self.statement.effect() == Effect::Deny) != self.statement.resources.negated;
        let mut can_match = false;
        for entry in &self.statement.resources.entries {
            let written = entry.value.written();
            match flaw_of(&entry.value) {
                Some(flaw) => self.mistake(&entry.place, format!("`{written}` can never match: {flaw}")),
                None => {
                    can_match = true;
                    self.check_spelling(&entry.value, &entry.place);
                    if is_deny_of_these && self.is_escaped_by_a_slash(&entry.value) {
                        let message = format!(
                            "`{written}` is escaped by a slash at the end of the path, which reaches the same method: \
                             name both, or end in `*`"
                        );
                        self.warn(&entry.place, message);
                    }
                }
            }
        }
        let is_of_identity = self.policy.kind() == PolicyKind::Identity;
        if !can_match && !self.statement.resources.negated && !is_of_identity {
            self.never_matches("none of its resources can match");
        }
    }

    fn check_spelling(&mut self, resource: &ResourcePattern, place: &Place) {
        let written = resource.written();
        let Some(last_part) = resource.last_part().map(Pattern::written) else { return };
        if !self.policy.has_variables() && last_part.contains("${") {
            self.mistake(
                place,
                format!("`{written}` has no variables in version 2008-10-17: `${{` is literal text"),
            );
        }
        for key in resource.variables() {
            self.check_variable(key, written, place);
        }
        self.check_account(resource.account().map_or("", Pattern::written), place);
        let mut segments = last_part.split('/');
        let (api, stage, method) = (segments.next(), segments.next(), segments.next());
        if api.is_some_and(|api| !api.is_empty() && api != "*") && api == stage {
            self.mistake(
                place,
                format!("`{written}` names the API id as its stage: the short form has no API id"),
            );
        }
        let upper = method.map(str::to_ascii_uppercase).unwrap_or_default();
        if METHODS.contains(&&*upper) && method != Some(&*upper) {
            self.mistake(place, format!("`{written}` has its method in lower case: expected `{upper}`"));
        }
    }

    /// The account of an ARN is an id or a star, not a mix (RP-121).
    fn check_account(&mut self, account: &str, place: &Place) {
        if self.policy.kind() == PolicyKind::Endpoint && account != "*" && account.contains(['*', '?']) {
            let message =
                format!("`{account}` as account of an ARN: AWS takes an id or `*` in endpoint policies");
            self.warn(place, message);
        }
    }

    /// Whether a call reaches the method that an exact resource names, and not the resource:
    /// a slash at the end of the path is ignored in routing, and stays in the ARN (PA-33).
    fn is_escaped_by_a_slash(&self, resource: &ResourcePattern) -> bool {
        let Some(last_part) = resource.last_part().filter(|last_part| !last_part.written().ends_with('*'))
        else {
            return false;
        };
        let path = last_part.example(&Nothing);
        let is_root = path.split('/').nth(3).is_none_or(str::is_empty);
        let other = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
        let mut all = self.statement.resources.entries.iter();
        let covers =
            |pattern: Option<&Pattern>| pattern.is_none_or(|pattern| pattern.matches(&other, &Nothing));
        !is_root && !all.any(|entry| covers(entry.value.last_part()))
    }

    /// A key that must be absent, and a condition that wants a value of it.
    fn check_contradictions(&mut self) {
        let conditions = self.statement.conditions();
        let must_be_absent = |key: &ConditionKey| {
            conditions.iter().any(|condition| condition.key == *key && asks_only(condition, true))
        };
        let contradicted = conditions.iter().find(|condition| {
            must_be_absent(&condition.key) && !asks_only(condition, true) && !condition.holds_when_absent()
        });
        if let Some(condition) = contradicted {
            self.never_matches(&format!("`{}` must be absent and have a value", condition.key()));
        }
    }

    fn check_condition(&mut self, condition: &Condition) {
        if condition.expected().next().is_none() {
            let always = if condition.operator.comparison.negated { "always" } else { "never" };
            let message = format!(
                "`{}` names no value for `{}`: it {always} holds where the key is present",
                condition.operator(),
                condition.key()
            );
            self.mistake(condition.place(), message);
        }
        if !self.check_key(condition) {
            self.check_absence(condition);
            self.check_quantifier(condition);
        }
        self.check_values(condition);
        if self.policy.kind() == PolicyKind::Endpoint {
            self.check_endpoint_rules(condition);
        }
    }

    /// Whether the key is one that never, or not here, has a value; told if so.
    fn check_key(&mut self, condition: &Condition) -> bool {
        let key = condition.key();
        let holds = condition.holds_when_absent();
        let for_all =
            if holds { "the condition holds for all of them" } else { "the statement never matches them" };
        let message = match &condition.key {
            ConditionKey::Other(name) => {
                let suggestion = did_you_mean(name, ConditionKey::known_names())
                    .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
                format!("unknown key `{key}` is absent from all requests, so {for_all}{suggestion}")
            }
            ConditionKey::SourceArn => format!("`{key}` is absent from all requests, so {for_all}"),
            ConditionKey::SourceIp if self.is_private && self.policy.kind() != PolicyKind::Identity => {
                format!(
                    "`{key}` is absent from calls through a VPC endpoint, so {for_all}: `aws:VpcSourceIp` is the caller's \
                 address there"
                )
            }
            _ => return false,
        };
        self.mistake(condition.place(), message);
        true
    }

    /// A `Deny` that also denies where the key is absent (RP-60), and an `Allow` that also allows
    /// (RP-62).
    fn check_absence(&mut self, condition: &Condition) {
        let operator = &condition.operator;
        let is_for_all = operator.quantifier == Some(Quantifier::All);
        let is_silent = match self.statement.effect() {
            Effect::Deny => is_for_all || operator.comparison.negated,
            Effect::Allow => is_for_all,
        };
        let holds = condition.holds_when_absent() && !matches!(condition.expected, Expected::Absence(_));
        let is_guarded = self
            .statement
            .conditions()
            .iter()
            .any(|other| other.key == condition.key && asks_only(other, false));
        if is_silent && holds && !is_guarded && !condition.key.is_always_present() {
            let does = match self.statement.effect() {
                Effect::Deny => "denies",
                Effect::Allow => "allows",
            };
            let message = format!(
                "`{}` also {does} where `{}` is absent: add `Null` with `false` if that is not meant",
                condition.operator(),
                condition.key()
            );
            self.warn(condition.place(), message);
        }
    }

    fn check_quantifier(&mut self, condition: &Condition) {
        if condition.operator.quantifier.is_some() && !condition.key.has_many_values() {
            let message = format!(
                "`{}` is for keys with several values, and `{}` has one",
                condition.operator(),
                condition.key()
            );
            self.warn(condition.place(), message);
        }
    }

    fn check_values(&mut self, condition: &Condition) {
        match &condition.expected {
            Expected::Texts(patterns) => {
                for pattern in patterns {
                    self.check_text(condition, pattern);
                }
            }
            Expected::Networks(networks) => {
                let written: Vec<&str> = condition.expected().collect();
                for (written, network) in written.iter().zip(networks) {
                    let address = written.split_once('/').and_then(|(address, _)| address.parse().ok());
                    let is_whole = address.is_none_or(|address: std::net::IpAddr| {
                        address.to_canonical() == network.value.addr()
                    });
                    if !is_whole {
                        let message =
                            format!("`{written}` has bits behind its prefix: read as `{}`", network.value);
                        self.warn(condition.place(), message);
                    }
                }
            }
            _ => {}
        }
    }

    fn check_text(&mut self, condition: &Condition, pattern: &Pattern) {
        let written = pattern.written();
        let place = condition.place();
        if !self.policy.has_variables() && written.contains("${") {
            self.mistake(
                place,
                format!("`{written}` has no variables in version 2008-10-17: `${{` is literal text"),
            );
        }
        let is_exact =
            matches!(condition.operator.comparison.family, Family::Text | Family::TextIgnoringCase);
        let without_escapes = written.replace("${*}", "").replace("${?}", "");
        if is_exact && without_escapes.contains('*') {
            let message = format!(
                "`*` in `{written}` is no wildcard to `{}`: `StringLike` has them",
                condition.operator()
            );
            self.mistake(place, message);
        }
        let is_arn = condition.operator.comparison.family == Family::Arn;
        if is_arn && written != "*" && lacks_parts(written) && pattern.variables().next().is_none() {
            let message =
                format!("`{written}` can never match: an ARN has six parts, and no wildcard crosses a colon");
            self.mistake(place, message);
        }
        for key in pattern.variables() {
            self.check_variable(key, written, place);
        }
    }

    /// Variables are of keys with one value (RP-73).
    fn check_variable(&mut self, key: &ConditionKey, written: &str, place: &Place) {
        if key.has_many_values() || matches!(key, ConditionKey::Other(_) | ConditionKey::SourceArn) {
            self.mistake(place, format!("`{written}` has a variable that never has a value: `{key}`"));
        }
    }

    /// What AWS refuses in endpoint policies, and Postern does not (RP-121).
    fn check_endpoint_rules(&mut self, condition: &Condition) {
        let family = condition.operator.comparison.family;
        let holds_system_id = matches!(
            condition.key,
            ConditionKey::PrincipalAccount
                | ConditionKey::SourceVpc
                | ConditionKey::SourceVpce
                | ConditionKey::ResourceAccount
        );
        if holds_system_id && matches!(family, Family::Number(_)) {
            let message = format!(
                "`{}` with `{}`: AWS takes no numeric operators for ids in endpoint policies",
                condition.operator(),
                condition.key()
            );
            self.warn(condition.place(), message);
        }
        let Expected::Texts(patterns) = &condition.expected else { return };
        for pattern in patterns.iter().filter(|pattern| pattern.has_wildcards()) {
            let written = pattern.written();
            let literal = written.chars().filter(|character| !matches!(character, '*' | '?')).count();
            if holds_system_id {
                let message = format!(
                    "`{written}` for `{}`: AWS takes no wildcards for ids in endpoint policies",
                    condition.key()
                );
                self.warn(condition.place(), message);
            } else if family == Family::TextGlob && literal < 6 {
                let message =
                    format!("`{written}` has fewer than the six characters that AWS wants beside a wildcard");
                self.warn(condition.place(), message);
            }
            if family == Family::Arn {
                self.check_account(written.split(':').nth(4).unwrap_or(""), condition.place());
            }
        }
    }
}

fn starts_with_service(action: &str) -> bool {
    let service = action.split_once(':').map_or("", |(service, _)| service);
    service.eq_ignore_ascii_case("execute-api") || service.contains(['*', '?']) || action == "*"
}

/// Whether a condition is `Null` and wants nothing but this.
fn asks_only(condition: &Condition, absent: bool) -> bool {
    match &condition.expected {
        Expected::Absence(wanted) => !wanted.is_empty() && wanted.iter().all(|wanted| wanted.value == absent),
        _ => false,
    }
}

/// Why no resource of a request can ever match (RP-28).
fn flaw_of(resource: &ResourcePattern) -> Option<&'static str> {
    if resource.is_incomplete() {
        return Some("an ARN has six parts, and no wildcard crosses a colon");
    }
    if !resource.is_of_execute_api() {
        return Some("it is not of `execute-api`");
    }
    let last_part = resource.last_part()?;
    let written = last_part.written();
    if written.starts_with("/domainnames/") || written.starts_with('*') {
        return None;
    }
    let segments: Vec<&str> = written.split('/').collect();
    let is_fixed = |segment: &&&str| !segment.contains(['*', '?', '$']);
    let method = segments.get(2).filter(is_fixed);
    let before = segments.iter().take(2).filter(is_fixed).count();
    let is_method = method.is_none_or(|method| METHODS.contains(&&*method.to_ascii_uppercase()));
    if (segments.len() < 4 && !last_part.is_elastic()) || (before == 2 && !is_method) {
        return Some(
            "a request's resource is `{api}/{stage}/{METHOD}/{path}`, in the short form `/{stage}/{METHOD}/{path}`",
        );
    }
    None
}
