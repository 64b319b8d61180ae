//! Who may talk at all: ranges of addresses, network ACLs, security groups, and load balancers that are
//! believed (private-access.md sections 5 and 6).

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use postern_policy::parse_network;

use crate::Malformed;

/// A range of IP addresses: an address, a slash and the length of the prefix.
///
/// Bits behind the prefix are cleared, as EC2 does. IPv4-mapped IPv6 addresses are IPv4 addresses, in a
/// range and in what is compared with it. An IPv4 range holds no IPv6 address and the other way round.
///
/// ```
/// use postern_model::Cidr;
///
/// let range: Cidr = "10.0.0.0/16".parse().unwrap();
/// assert!(range.contains("10.0.255.1".parse().unwrap()));
/// assert!(range.contains("::ffff:10.0.0.1".parse().unwrap()));
/// assert!(!range.contains("10.1.0.1".parse().unwrap()));
/// assert_eq!("10.0.1.2/16".parse(), Ok(range));
///
/// let error = "10.0.0.1".parse::<Cidr>().unwrap_err();
/// assert_eq!(error.to_string(), "expected a CIDR block such as `10.0.0.0/16` or `2001:db8::/32`");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr(IpNet);

impl Cidr {
    /// Whether an address lies in the range.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether every address of another range lies in this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }

    /// Whether it is every address of its version.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.prefix_len() == 0
    }
}

impl FromStr for Cidr {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        // An address alone may be meant as a host or as a network that lost its length: EC2 refuses it.
        let network = text.contains('/').then(|| parse_network(text)).flatten();
        network.map(Self).ok_or(Malformed::new("a CIDR block such as `10.0.0.0/16` or `2001:db8::/32`"))
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The inbound rules of a network ACL: the first that holds a source decides, and no match denies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkAcl {
    rules: Vec<NetworkAclRule>,
}

/// One rule of a network ACL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetworkAclRule {
    /// Its number, 1 to 32766: lower ones are tried first.
    pub rule_number: u16,
    /// The sources that it speaks of.
    pub cidr: Cidr,
    /// What it says.
    pub rule_action: RuleAction,
}

/// What a rule says of the sources that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// They may talk.
    Allow,
    /// They may not.
    Deny,
}

impl NetworkAcl {
    /// An ACL of these rules, in any order; of two with one number the first is tried first.
    #[must_use]
    pub fn new(mut rules: Vec<NetworkAclRule>) -> Self {
        rules.sort_by_key(|rule| rule.rule_number);
        Self { rules }
    }

    /// The rules, in the order in which they are tried.
    #[must_use]
    pub fn rules(&self) -> &[NetworkAclRule] {
        &self.rules
    }

    /// The rule that decides about a source; `None` where no rule speaks of it, which denies.
    ///
    /// ```
    /// use postern_model::{NetworkAcl, NetworkAclRule, RuleAction::{Allow, Deny}};
    ///
    /// let rule = |rule_number, cidr: &str, rule_action| {
    ///     NetworkAclRule { rule_number, cidr: cidr.parse().unwrap(), rule_action }
    /// };
    /// let acl = NetworkAcl::new(vec![rule(200, "10.0.0.0/16", Allow), rule(100, "10.0.9.0/24", Deny)]);
    /// let number = |source: &str| acl.rule_for(source.parse().unwrap()).map(|rule| rule.rule_number);
    /// assert_eq!(number("10.0.1.1"), Some(200));
    /// assert_eq!(number("10.0.9.1"), Some(100));
    /// assert_eq!(number("10.1.0.1"), None);
    /// ```
    #[must_use]
    pub fn rule_for(&self, source: IpAddr) -> Option<&NetworkAclRule> {
        self.rules.iter().find(|rule| rule.cidr.contains(source))
    }
}

/// A security group: the sources that may talk. All others may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecurityGroup {
    /// The ranges that are let in; empty: none.
    pub ingress: Vec<Cidr>,
}

impl SecurityGroup {
    /// The first entry that lets a source in, if one does.
    #[must_use]
    pub fn entry_for(&self, source: IpAddr) -> Option<&Cidr> {
        self.ingress.iter().find(|cidr| cidr.contains(source))
    }
}

/// Both network layers in front of an endpoint, each where there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkLayers {
    /// Asked first; absent: all sources pass.
    pub network_acl: Option<NetworkAcl>,
    /// Asked second; absent: all sources pass.
    pub security_group: Option<SecurityGroup>,
}

/// Load balancers whose PROXY header is believed: every connection to their listeners starts with one
/// (PA-50, PA-51).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// The peers that may send one; others are closed before a byte is read.
    pub trusted_sources: Vec<Cidr>,
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    /// Addresses near each other, so that ranges hold some of them: IPv4, IPv6, and the one as the other.
    fn addresses() -> impl Strategy<Value = IpAddr> {
        let four =
            (0..4_u32, 0..256_u32).prop_map(|(high, low)| Ipv4Addr::from(0x0a00_0000 | high << 22 | low));
        let six = (0..4_u128, 0..256_u128)
            .prop_map(|(high, low)| Ipv6Addr::from(0x2001_u128 << 112 | high << 62 | low));
        prop_oneof![
            four.clone().prop_map(IpAddr::V4),
            four.prop_map(|four| IpAddr::V6(four.to_ipv6_mapped())),
            six.prop_map(IpAddr::V6),
        ]
    }

    fn ranges() -> impl Strategy<Value = (IpAddr, u8, Cidr)> {
        (addresses(), 0..=32_u8).prop_map(|(address, length)| {
            let length = match address {
                IpAddr::V4(_) => length,
                // A mapped address has 96 bits in front; others have as many as they like.
                IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => 96 + length,
                IpAddr::V6(_) => length * 4,
            };
            (address, length, format!("{address}/{length}").parse().unwrap())
        })
    }

    /// Version and bits of an address, as a person would compare them.
    fn bits(address: IpAddr) -> (char, String) {
        match address.to_canonical() {
            IpAddr::V4(four) => ('4', format!("{:032b}", u32::from(four))),
            IpAddr::V6(six) => ('6', format!("{:0128b}", u128::from(six))),
        }
    }

    fn holds(base: IpAddr, length: u8, address: IpAddr) -> bool {
        let ((version, own), (other_version, other)) = (bits(base), bits(address));
        let length = if base.is_ipv6() && version == '4' { length - 96 } else { length };
        version == other_version && own.get(..length.into()) == other.get(..length.into())
    }

    proptest! {
        #[test]
        fn a_range_holds_the_addresses_whose_first_bits_are_its_own(
            (base, length, cidr) in ranges(),
            address in addresses(),
        ) {
            prop_assert_eq!(cidr.contains(address), holds(base, length, address), "{} in {}", address, cidr);
            prop_assert!(cidr.contains(base));
        }

        #[test]
        fn a_range_that_covers_another_holds_all_that_it_holds(
            (_, _, one) in ranges(),
            (_, _, other) in ranges(),
            address in addresses(),
        ) {
            prop_assert!(!one.covers(&other) || !other.contains(address) || one.contains(address));
        }

        #[test]
        fn the_rule_that_decides_is_the_lowest_that_holds_the_source(
            written in proptest::collection::vec((ranges(), 1..9_u16, any::<bool>()), 1..8),
            source in addresses(),
        ) {
            let rules: Vec<NetworkAclRule> = written
                .iter()
                .map(|((_, _, cidr), number, allows)| NetworkAclRule {
                    rule_number: *number,
                    cidr: *cidr,
                    rule_action: if *allows { RuleAction::Allow } else { RuleAction::Deny },
                })
                .collect();
            let lowest = written
                .iter()
                .filter(|((base, length, _), ..)| holds(*base, *length, source))
                .map(|(_, number, _)| *number)
                .min();
            let decided = NetworkAcl::new(rules).rule_for(source).map(|rule| rule.rule_number);
            prop_assert_eq!(decided, lowest);
        }
    }
}
