//! Who asks, and whom a statement names.

use std::{fmt, str::FromStr};

use postern_document::Placed;

use crate::arn::Arn;

/// Who sends a request.
///
/// ```
/// use postern_policy::Principal;
///
/// let session: Principal = "arn:aws:sts::123456789012:assumed-role/caller/nightly".parse().unwrap();
/// assert_eq!(session.caller().unwrap().principal_arn(), "arn:aws:iam::123456789012:role/caller");
/// assert!("arn:aws:iam::123456789012:group/all".parse::<Principal>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// Nobody has signed the request.
    Anonymous,
    /// The signer of the request.
    Caller(Caller),
}

impl Principal {
    /// The signer, if there is one.
    #[must_use]
    pub const fn caller(&self) -> Option<&Caller> {
        if let Self::Caller(caller) = self { Some(caller) } else { None }
    }

    /// The value of `aws:PrincipalType`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "Anonymous",
            Self::Caller(Caller { identity: Identity::Account, .. }) => "Account",
            Self::Caller(Caller { identity: Identity::User(_), .. }) => "User",
            Self::Caller(Caller { identity: Identity::Role { .. }, .. }) => "AssumedRole",
            Self::Caller(Caller { identity: Identity::FederatedUser(_), .. }) => "FederatedUser",
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.caller().map_or("anonymous", Caller::arn))
    }
}

impl FromStr for Principal {
    type Err = NotAPrincipal;

    /// Reads `anonymous` or the ARN of a user, a role, a role session, a federated user or an
    /// account (`…:root`). A role's own ARN stands for a session of unknown name.
    fn from_str(text: &str) -> Result<Self, NotAPrincipal> {
        if text == "anonymous" { Ok(Self::Anonymous) } else { text.parse().map(Self::Caller) }
    }
}

/// The signer of a request: somebody with an ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    arn: Box<str>,
    principal_arn: Box<str>,
    partition: Box<str>,
    account: Box<str>,
    identity: Identity,
}

impl Caller {
    /// The ARN of the caller; of a role session, the session's (`arn:aws:sts::…:assumed-role/…`).
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The value of `aws:PrincipalArn`: the ARN of the user or account, of a session that of its
    /// role. A session's ARN does not say the path of its role, so none is known here.
    #[must_use]
    pub fn principal_arn(&self) -> &str {
        &self.principal_arn
    }

    /// The account, twelve digits.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The value of `aws:username`: the friendly name, of users only.
    #[must_use]
    pub fn user_name(&self) -> Option<&str> {
        match &self.identity {
            Identity::User(path_and_name) => path_and_name.rsplit('/').next(),
            Identity::Account | Identity::Role { .. } | Identity::FederatedUser(_) => None,
        }
    }
}

impl FromStr for Caller {
    type Err = NotAPrincipal;

    fn from_str(text: &str) -> Result<Self, NotAPrincipal> {
        let arn = Arn::parse(text).ok_or(NotAPrincipal)?;
        let is_account = arn.account.len() == 12 && arn.account.bytes().all(|byte| byte.is_ascii_digit());
        let is_plain = !text.contains(['*', '?']) && arn.region.is_empty() && !arn.partition.is_empty();
        let identity = Identity::parse(arn.service, arn.resource).filter(|_| is_account && is_plain);
        let identity = identity.ok_or(NotAPrincipal)?;
        let principal_arn = match &identity {
            Identity::Role { name, session: Some(_), .. } => {
                format!("arn:{}:iam::{}:role/{name}", arn.partition, arn.account)
            }
            _ => text.to_owned(),
        };
        Ok(Self {
            arn: text.into(),
            principal_arn: principal_arn.into(),
            partition: arn.partition.into(),
            account: arn.account.into(),
            identity,
        })
    }
}

/// A text that is the ARN of nobody who could sign a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPrincipal;

impl fmt::Display for NotAPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "expected the ARN of an account (`arn:aws:iam::123456789012:root`), a user (`…:user/name`), a role \
             (`…:role/name`) or a role session (`arn:aws:sts::123456789012:assumed-role/name/session`), without wildcards",
        )
    }
}

impl std::error::Error for NotAPrincipal {}

/// What an ARN of a principal names within its account.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Identity {
    Account,
    /// Path and name.
    User(Box<str>),
    /// A role, or a session of it. Names are unique in an account whatever the path, and a
    /// session's ARN has no path.
    Role {
        path: Option<Box<str>>,
        name: Box<str>,
        session: Option<Box<str>>,
    },
    FederatedUser(Box<str>),
}

impl Identity {
    fn parse(service: &str, resource: &str) -> Option<Self> {
        if (service, resource) == ("iam", "root") {
            return Some(Self::Account);
        }
        let (kind, name) = resource.split_once('/')?;
        let last = name.rsplit('/').next().filter(|last| !last.is_empty())?;
        match (service, kind) {
            ("iam", "user") => Some(Self::User(name.into())),
            ("iam", "role") => {
                let path = name.strip_suffix(last).map(Into::into);
                Some(Self::Role { path, name: last.into(), session: None })
            }
            ("sts", "assumed-role") => {
                let (role, session) = name.split_once('/').filter(|(role, _)| !role.is_empty())?;
                Some(Self::Role { path: None, name: role.into(), session: Some(session.into()) })
            }
            ("sts", "federated-user") => Some(Self::FederatedUser(name.into())),
            _ => None,
        }
    }

    fn is_same_role(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Role { path: one_path, name: one, .. },
                Self::Role { path: other_path, name: other, .. },
            ) => one == other && (one_path.is_none() || other_path.is_none() || one_path == other_path),
            _ => false,
        }
    }

    const fn session(&self) -> Option<&str> {
        if let Self::Role { session: Some(session), .. } = self { Some(session) } else { None }
    }
}

/// What stands in `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrincipalClause {
    /// `NotPrincipal`.
    pub(crate) negated: bool,
    pub(crate) entries: Box<[Placed<PrincipalEntry>]>,
}

/// One entry of a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrincipalEntry {
    written: Box<str>,
    named: Named,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Named {
    /// `*`: anonymous callers included.
    Everyone,
    /// Twelve digits: an account of any partition.
    Account(Box<str>),
    /// An ARN.
    Caller(Box<Caller>),
    /// A service, a provider's sessions, a canonical user, a principal that was deleted (RP-44):
    /// nobody who calls Postern.
    Nobody,
}

impl PrincipalClause {
    /// Whether the clause speaks of a principal.
    pub(crate) fn matches(&self, principal: &Principal) -> bool {
        if self.negated { !self.covers(principal) } else { self.names(principal) }
    }

    /// Whether an entry names the principal (section 2.3; RP-41, RP-42).
    fn names(&self, principal: &Principal) -> bool {
        self.entries.iter().any(|entry| entry.value.names(principal))
    }

    /// Whether the entries list every ARN that the principal has: session, user or role, account
    /// (RP-43).
    fn covers(&self, principal: &Principal) -> bool {
        if self.names_everyone() {
            return true;
        }
        let Some(caller) = principal.caller() else { return false };
        let lists = |test: &dyn Fn(&Caller) -> bool| {
            self.entries.iter().any(|entry| matches!(&entry.value.named, Named::Caller(named) if test(named)))
        };
        let of_account =
            |named: &Caller| named.account == caller.account && named.partition == caller.partition;
        let lists_account = lists(&|named| of_account(named) && named.identity == Identity::Account)
            || self.entries.iter().any(|entry| entry.value.named == Named::Account(caller.account.clone()));
        lists_account
            && match &caller.identity {
                Identity::Account => true,
                Identity::User(_) | Identity::FederatedUser(_) => {
                    lists(&|named| of_account(named) && named.identity == caller.identity)
                }
                Identity::Role { session, .. } => {
                    let same_role =
                        |named: &Caller| of_account(named) && named.identity.is_same_role(&caller.identity);
                    let lists_role = lists(&|named| same_role(named) && named.identity.session().is_none());
                    let session = session.as_deref();
                    let lists_session =
                        lists(&|named| same_role(named) && named.identity.session() == session);
                    lists_role && lists_session
                }
            }
    }

    /// Whether `*` is among the entries.
    pub(crate) fn names_everyone(&self) -> bool {
        self.entries.iter().any(|entry| entry.value.named == Named::Everyone)
    }

    /// Whether no entry can ever name a caller.
    pub(crate) fn names_nobody(&self) -> bool {
        self.entries.iter().all(|entry| entry.value.named == Named::Nobody)
    }
}

impl PrincipalEntry {
    /// An entry that is `*`.
    pub(crate) fn everyone() -> Self {
        Self { written: "*".into(), named: Named::Everyone }
    }

    /// An entry of one of the kinds that never call Postern.
    pub(crate) fn nobody(kind: &str, written: &str) -> Self {
        Self { written: format!("{kind}: {written}").into(), named: Named::Nobody }
    }

    /// An entry under `AWS`.
    ///
    /// # Errors
    /// It is neither `*`, an account, an ARN of a principal, nor the id of a deleted principal.
    pub(crate) fn parse(written: &str) -> Result<Self, NotAPrincipal> {
        let is_account = written.len() == 12 && written.bytes().all(|byte| byte.is_ascii_digit());
        let named = match written {
            "*" => Named::Everyone,
            _ if is_account => Named::Account(written.into()),
            _ if is_unique_id(written) => Named::Nobody,
            _ => Named::Caller(Box::new(written.parse()?)),
        };
        Ok(Self { written: written.into(), named })
    }

    /// The entry as the policy has it.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// The caller that the entry names, if it names one by its ARN.
    pub(crate) const fn caller(&self) -> Option<&Caller> {
        if let Named::Caller(caller) = &self.named { Some(caller) } else { None }
    }

    fn names(&self, principal: &Principal) -> bool {
        let named = match &self.named {
            Named::Everyone => return true,
            Named::Nobody => return false,
            Named::Account(account) => {
                return principal.caller().is_some_and(|caller| caller.account == *account);
            }
            Named::Caller(named) => named,
        };
        let of_account =
            |caller: &&Caller| caller.account == named.account && caller.partition == named.partition;
        principal.caller().filter(of_account).is_some_and(|caller| match &named.identity {
            Identity::Account => true,
            Identity::User(_) | Identity::FederatedUser(_) => named.identity == caller.identity,
            Identity::Role { session: None, .. } => named.identity.is_same_role(&caller.identity),
            Identity::Role { session, .. } => {
                named.identity.is_same_role(&caller.identity)
                    && caller.identity.session() == session.as_deref()
            }
        })
    }
}

/// The id that IAM leaves in a policy in place of a deleted user (`AIDA…`) or role (`AROA…`).
fn is_unique_id(text: &str) -> bool {
    let has_prefix =
        ["AIDA", "AROA", "AGPA", "AIPA", "ANPA", "ANVA", "APKA", "ASCA", "ABIA", "ACCA", "AKIA", "ASIA"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
    has_prefix
        && text.len() > 4
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_document::Place;

    fn clause(negated: bool, entries: &[&str]) -> PrincipalClause {
        let entry =
            |written: &&str| Placed::new(PrincipalEntry::parse(written).unwrap(), Place::start_of("p.json"));
        PrincipalClause { negated, entries: entries.iter().map(entry).collect() }
    }

    fn matches(negated: bool, entries: &[&str], principal: &str) -> bool {
        clause(negated, entries).matches(&principal.parse().unwrap())
    }

    const USER: &str = "arn:aws:iam::111122223333:user/team/Alice";
    const ROLE: &str = "arn:aws:iam::111122223333:role/service/caller";
    const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/caller/nightly";
    const OTHER_SESSION: &str = "arn:aws:sts::111122223333:assumed-role/caller/daily";
    const ROOT: &str = "arn:aws:iam::111122223333:root";
    const FEDERATED: &str = "arn:aws:sts::111122223333:federated-user/Bob";
    const STRANGER: &str = "arn:aws:iam::999988887777:user/team/Alice";

    #[test]
    fn section_2_3_the_forms_of_a_principal() {
        let everybody = ["anonymous", USER, ROLE, SESSION, ROOT, FEDERATED, STRANGER];
        for (entry, named) in [
            ("*", &everybody[..]),
            ("111122223333", &[USER, ROLE, SESSION, ROOT, FEDERATED]),
            (ROOT, &[USER, ROLE, SESSION, ROOT, FEDERATED]),
            (USER, &[USER]),
            ("arn:aws:iam::111122223333:user/team/alice", &[]),
            ("arn:aws:iam::111122223333:user/Alice", &[]),
            (ROLE, &[ROLE, SESSION]),
            ("arn:aws:iam::111122223333:role/caller", &[SESSION]),
            ("arn:aws:iam::111122223333:role/Caller", &[]),
            (SESSION, &[SESSION]),
            (OTHER_SESSION, &[]),
            (FEDERATED, &[FEDERATED]),
            ("arn:aws-cn:iam::111122223333:root", &[]),
            ("AIDAJQABLZS4A3QDU576Q", &[]),
            ("AROAEXAMPLEID", &[]),
        ] {
            for principal in everybody {
                assert_eq!(
                    matches(false, &[entry], principal),
                    named.contains(&principal),
                    "{entry} names {principal}"
                );
            }
        }
    }

    #[test]
    fn rp_41_entries_are_alternatives() {
        assert!(matches(false, &[USER, SESSION], SESSION));
        assert!(matches(false, &[USER, SESSION], USER));
        assert!(!matches(false, &[USER, SESSION], OTHER_SESSION));
    }

    #[test]
    fn rp_43_not_principal_spares_whose_every_arn_is_listed() {
        for (listed, principal, spared) in [
            (&[USER, ROOT][..], USER, true),
            (&[USER, "111122223333"], USER, true),
            (&[USER], USER, false),
            (&[ROOT], USER, false),
            (&[ROOT], ROOT, true),
            (&["arn:aws:iam::999988887777:root", USER], USER, false),
            (&[SESSION, ROLE, ROOT], SESSION, true),
            (&[SESSION, ROLE, ROOT], OTHER_SESSION, false),
            (&[ROLE, ROOT], SESSION, false),
            (&[SESSION, ROOT], SESSION, false),
            (&[SESSION, ROLE], SESSION, false),
            (&[ROLE, ROOT], ROLE, true),
            (&[FEDERATED, ROOT], FEDERATED, true),
            (&[ROOT], FEDERATED, false),
            (&[USER, ROOT], "anonymous", false),
            (&["*"], "anonymous", true),
            (&["*"], SESSION, true),
            (&["AIDAJQABLZS4A3QDU576Q"], USER, false),
        ] {
            assert_eq!(matches(true, listed, principal), !spared, "{principal} under {listed:?}");
        }
    }

    #[test]
    fn rp_40_what_is_no_principal_is_refused() {
        for written in [
            "",
            "everyone",
            "12345678901",
            "1234567890123",
            "arn:aws:iam::123456789012:user/*",
            "arn:aws:iam::*:root",
            "arn:aws:iam::123456789012:user/a?b",
            "arn:aws:iam::123456789012:group/all",
            "arn:aws:iam::123456789012:user",
            "arn:aws:iam::123456789012:user/",
            "arn:aws:iam::12345:root",
            "arn:aws:iam:us-east-1:123456789012:root",
            "arn:aws:sts::123456789012:assumed-role/caller",
            "arn:aws:sts::123456789012:assumed-role//session",
            "arn:aws:s3:::bucket",
            "arn::iam::123456789012:root",
            "AIDA",
            "AIDAlower",
            "aws:iam::123456789012:root",
        ] {
            assert_eq!(PrincipalEntry::parse(written), Err(NotAPrincipal), "{written:?}");
        }
    }

    #[test]
    fn what_a_context_says_of_a_caller() {
        for (arn, kind, principal_arn, user_name) in [
            (USER, "User", USER, Some("Alice")),
            (ROLE, "AssumedRole", ROLE, None),
            (SESSION, "AssumedRole", "arn:aws:iam::111122223333:role/caller", None),
            (ROOT, "Account", ROOT, None),
            (FEDERATED, "FederatedUser", FEDERATED, None),
        ] {
            let principal: Principal = arn.parse().unwrap();
            let caller = principal.caller().unwrap();
            assert_eq!(
                (principal.kind(), caller.principal_arn(), caller.user_name()),
                (kind, principal_arn, user_name)
            );
            assert_eq!(
                (caller.arn(), caller.account(), principal.to_string()),
                (arn, "111122223333", arn.to_owned())
            );
        }
        assert_eq!(
            (Principal::Anonymous.kind(), Principal::Anonymous.to_string()),
            ("Anonymous", "anonymous".into())
        );
    }
}
