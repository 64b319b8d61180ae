//! The network layers in front of an endpoint: its network ACL, then its security group
//! (private-access.md section 6). What they say of a source is said with the rule that said it, so that
//! the server, `explain` and a person read one decision.

use std::net::IpAddr;

use postern_model::{Cidr, NetworkAcl, NetworkAclRule, NetworkLayers, RuleAction, SecurityGroup};

use crate::ConnectionRefusal;

/// What both layers say of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkVerdict<'a> {
    /// What the network ACL says.
    pub network_acl: NetworkAclVerdict<'a>,
    /// What the security group says.
    pub security_group: SecurityGroupVerdict<'a>,
}

/// What a network ACL says of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkAclVerdict<'a> {
    /// There is none: every source passes.
    Absent,
    /// This rule lets it pass.
    Allowed(&'a NetworkAclRule),
    /// This rule denies it.
    Denied(&'a NetworkAclRule),
    /// No rule speaks of it, which denies it.
    Unmatched,
}

/// What a security group says of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityGroupVerdict<'a> {
    /// There is none: every source passes.
    Absent,
    /// This entry lets it pass.
    Allowed(&'a Cidr),
    /// No entry holds it, which denies it.
    Unmatched,
    /// The network ACL denied it before.
    NotReached,
}

impl<'a> NetworkVerdict<'a> {
    /// What these layers say of a source.
    pub(crate) fn of(layers: &'a NetworkLayers, source: IpAddr) -> Self {
        let network_acl = NetworkAclVerdict::of(layers.network_acl.as_ref(), source);
        let security_group = match network_acl.denies() {
            true => SecurityGroupVerdict::NotReached,
            false => SecurityGroupVerdict::of(layers.security_group.as_ref(), source),
        };
        Self { network_acl, security_group }
    }

    /// The layer that turns the source away, if one does.
    #[must_use]
    pub const fn refusal(&self) -> Option<ConnectionRefusal> {
        match self {
            Self { network_acl, .. } if network_acl.denies() => Some(ConnectionRefusal::NetworkAcl),
            Self { security_group: SecurityGroupVerdict::Unmatched, .. } => {
                Some(ConnectionRefusal::SecurityGroup)
            }
            _ => None,
        }
    }
}

impl<'a> NetworkAclVerdict<'a> {
    fn of(acl: Option<&'a NetworkAcl>, source: IpAddr) -> Self {
        let Some(acl) = acl else { return Self::Absent };
        match acl.rule_for(source) {
            Some(rule) if rule.rule_action == RuleAction::Allow => Self::Allowed(rule),
            Some(rule) => Self::Denied(rule),
            None => Self::Unmatched,
        }
    }

    const fn denies(&self) -> bool {
        matches!(self, Self::Denied(_) | Self::Unmatched)
    }
}

impl<'a> SecurityGroupVerdict<'a> {
    fn of(group: Option<&'a SecurityGroup>, source: IpAddr) -> Self {
        let Some(group) = group else { return Self::Absent };
        group.entry_for(source).map_or(Self::Unmatched, Self::Allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(rule_number: u16, cidr: &str, rule_action: RuleAction) -> NetworkAclRule {
        NetworkAclRule { rule_number, cidr: cidr.parse().unwrap(), rule_action }
    }

    fn layers(rules: Option<Vec<NetworkAclRule>>, ingress: Option<&[&str]>) -> NetworkLayers {
        NetworkLayers {
            network_acl: rules.map(NetworkAcl::new),
            security_group: ingress.map(|cidrs| SecurityGroup {
                ingress: cidrs.iter().map(|cidr| cidr.parse().unwrap()).collect(),
            }),
        }
    }

    fn refusal(layers: &NetworkLayers, source: &str) -> Option<ConnectionRefusal> {
        NetworkVerdict::of(layers, source.parse().unwrap()).refusal()
    }

    #[test]
    fn without_layers_every_source_passes() {
        for source in ["10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "0.0.0.0"] {
            assert_eq!(refusal(&layers(None, None), source), None, "{source}");
        }
    }

    #[test]
    fn the_lowest_rule_that_speaks_of_a_source_decides_and_no_match_denies() {
        use RuleAction::{Allow, Deny};
        // Written out of order: the numbers decide.
        let rules = vec![
            rule(300, "10.0.0.0/8", Allow),
            rule(100, "10.0.1.7/32", Allow),
            rule(200, "10.0.1.0/24", Deny),
            rule(400, "2001:db8::/32", Allow),
        ];
        let layers = layers(Some(rules), None);
        for (source, expected) in [
            ("10.0.1.7", None),
            ("10.0.1.8", Some(ConnectionRefusal::NetworkAcl)),
            ("10.0.2.1", None),
            ("11.0.0.1", Some(ConnectionRefusal::NetworkAcl)),
            ("::ffff:10.0.2.1", None),
            ("::ffff:10.0.1.8", Some(ConnectionRefusal::NetworkAcl)),
            ("2001:db8::1", None),
            ("2001:db9::1", Some(ConnectionRefusal::NetworkAcl)),
        ] {
            assert_eq!(refusal(&layers, source), expected, "{source}");
        }
    }

    #[test]
    fn a_security_group_lets_in_what_it_names_and_an_empty_one_nobody() {
        let some = layers(None, Some(&["10.0.0.0/16", "::ffff:192.168.0.0/112"]));
        for (source, expected) in [
            ("10.0.255.255", None),
            ("192.168.3.4", None),
            ("10.1.0.0", Some(ConnectionRefusal::SecurityGroup)),
            ("2001:db8::1", Some(ConnectionRefusal::SecurityGroup)),
        ] {
            assert_eq!(refusal(&some, source), expected, "{source}");
        }
        assert_eq!(refusal(&layers(None, Some(&[])), "10.0.0.1"), Some(ConnectionRefusal::SecurityGroup));
    }

    #[test]
    fn every_source_of_one_version_is_none_of_the_other() {
        let four = layers(None, Some(&["0.0.0.0/0"]));
        assert_eq!(refusal(&four, "192.0.2.1"), None);
        assert_eq!(refusal(&four, "::ffff:192.0.2.1"), None);
        assert_eq!(refusal(&four, "2001:db8::1"), Some(ConnectionRefusal::SecurityGroup));
        let six = layers(None, Some(&["::/0"]));
        assert_eq!(refusal(&six, "2001:db8::1"), None);
        assert_eq!(refusal(&six, "::ffff:192.0.2.1"), Some(ConnectionRefusal::SecurityGroup));
    }

    #[test]
    fn the_network_acl_is_asked_before_the_security_group() {
        let rules = vec![rule(1, "10.0.0.0/24", RuleAction::Allow)];
        let both = layers(Some(rules), Some(&["10.0.0.7/32"]));
        let verdict = |source: &str| NetworkVerdict::of(&both, source.parse().unwrap());
        assert_eq!(verdict("10.0.1.1").security_group, SecurityGroupVerdict::NotReached);
        assert_eq!(verdict("10.0.1.1").refusal(), Some(ConnectionRefusal::NetworkAcl));
        assert_eq!(verdict("10.0.0.1").refusal(), Some(ConnectionRefusal::SecurityGroup));
        assert_eq!(verdict("10.0.0.7").refusal(), None);
        assert!(
            matches!(verdict("10.0.0.7").network_acl, NetworkAclVerdict::Allowed(rule) if rule.rule_number == 1)
        );
    }
}
