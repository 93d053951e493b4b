//! `[rebinding]` and `rebinding` of a `[[zone]]`, put together.

use ipnet::IpNet;

use super::choice::Choice;
use super::mistake::{Fault, Place, Report};
use super::raw::Raw;
use super::sections::choice;
use super::value::At;
use super::{Class, Exemption, Preset, Rebinding, RebindingMode, ZoneRebinding};

/// Lengths that a prefix of NAT64 may have (RFC 6052 section 2.2).
const NAT64_LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// `[rebinding]`
pub(super) fn assemble(raw: &Raw, report: &mut Report<'_>) -> Rebinding {
    let prefixes = |key: &str| raw.value::<Vec<At<IpNet>>>(key).into_iter().map(|at| at.value).collect();
    let mut nat64 = Vec::new();
    for At { value, offset } in raw.value::<Vec<At<IpNet>>>("nat64") {
        match value {
            IpNet::V6(prefix) if NAT64_LENGTHS.contains(&prefix.prefix_len()) => nat64.push(prefix),
            _ => {
                let fault = Fault::new(
                    format!("{value} is no prefix of NAT64"),
                    "an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits (RFC 6052 section 2.2)",
                );
                report.mistake(Place::Exact(offset), raw.path("nat64"), fault);
            }
        }
    }
    Rebinding {
        private: prefixes("private"),
        public: prefixes("public"),
        nat64,
        own_addresses: raw.value("own-addresses"),
        null: raw.value("null"),
    }
}

/// `rebinding` of a zone of this class.
pub(super) fn assemble_zone(raw: &Raw, class: Class) -> ZoneRebinding {
    let mode = match (raw.given::<String>("rebinding.mode"), class) {
        (Some(_), _) => choice(raw, "rebinding.mode"),
        (None, Class::Public) => RebindingMode::Block,
        (None, Class::Internal) => RebindingMode::Off,
    };
    let presets: Vec<At<String>> = raw.value("rebinding.presets");
    ZoneRebinding {
        mode,
        action: choice(raw, "rebinding.action"),
        exempt: raw.value::<Vec<At<Exemption>>>("rebinding.exempt").into_iter().map(|at| at.value).collect(),
        presets: presets.into_iter().filter_map(|at| Preset::named(&at.value)).collect(),
    }
}
