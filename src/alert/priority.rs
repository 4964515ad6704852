//! Priority from what the burn does to the budget and how much the service matters.

use crate::model::{Category, Priority, Severity, Tier};

/// What is true of one SLO right now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    pub tier: Tier,
    /// A condition of the page pairs is true.
    pub fast: bool,
    /// A condition of the ticket pairs is true.
    pub slow: bool,
    /// No event comes.
    pub no_data: bool,
    /// The coverage-scaled budget is gone.
    pub spent: bool,
    pub sla_breached: bool,
    /// The most urgent severity that a person wrote on a condition which is true.
    pub written: Option<Severity>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    pub category: Category,
    pub priority: Priority,
    pub severity: Severity,
    /// Why, in words: `fast burn on a tier 2 service`.
    pub reason: String,
}

/// Priority by burn and tier; a breached SLA raises it by one.
/// A severity that a person wrote decides how the alert is routed, whatever the priority.
pub fn assess(situation: Situation) -> Assessment {
    let (category, by_burn, burn) = by_burn(situation);
    let priority = if situation.sla_breached { by_burn.raised() } else { by_burn };
    let breach = if situation.sla_breached { ", SLA breached: one up" } else { "" };
    Assessment {
        category: if situation.sla_breached { Category::Exception } else { category },
        priority,
        severity: situation.written.unwrap_or(priority.severity()),
        reason: format!("{burn} on a tier {} service{breach}", situation.tier),
    }
}

fn by_burn(situation: Situation) -> (Category, Priority, &'static str) {
    use Priority::{P1, P2, P3, P4, P5};
    let by_tier = |one, two, three| match situation.tier {
        Tier::One => one,
        Tier::Two => two,
        Tier::Three => three,
    };
    match (situation.fast, situation.spent, situation.slow) {
        (true, true, _) => (Category::Exception, by_tier(P1, P1, P2), "budget spent and fast burn"),
        (true, false, _) => (Category::Exception, by_tier(P1, P2, P3), "fast burn"),
        (false, true, _) => (Category::Exception, by_tier(P2, P3, P4), "budget spent"),
        (false, false, true) => (Category::Warning, by_tier(P3, P3, P4), "slow burn"),
        (false, false, false) if situation.no_data => (Category::Warning, by_tier(P3, P3, P4), "no data"),
        (false, false, false) => (Category::Informational, P5, "no burn"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Situation = Situation {
        tier: Tier::Two,
        fast: false,
        slow: false,
        no_data: false,
        spent: false,
        sla_breached: false,
        written: None,
    };

    #[test]
    fn priority_follows_burn_and_tier() {
        for (fast, slow, spent, expected) in [
            (false, false, false, "P5 P5 P5 informational"),
            (false, true, false, "P3 P3 P4 warning"),
            (true, false, false, "P1 P2 P3 exception"),
            (true, true, false, "P1 P2 P3 exception"),
            (false, true, true, "P2 P3 P4 exception"),
            (true, true, true, "P1 P1 P2 exception"),
        ] {
            let at = |tier| assess(Situation { tier, fast, slow, spent, ..CALM });
            let shown = format!(
                "{} {} {} {}",
                at(Tier::One).priority,
                at(Tier::Two).priority,
                at(Tier::Three).priority,
                at(Tier::One).category
            );
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn a_breached_sla_raises_by_one_and_says_so() {
        let breached = assess(Situation { slow: true, sla_breached: true, ..CALM });
        assert_eq!((breached.priority, breached.category), (Priority::P2, Category::Exception));
        assert_eq!(breached.severity, Severity::Page);
        assert_eq!(breached.reason, "slow burn on a tier 2 service, SLA breached: one up");
    }

    #[test]
    fn a_written_severity_routes_whatever_the_priority() {
        let written = assess(Situation { fast: true, written: Some(Severity::Ticket), ..CALM });
        assert_eq!((written.priority, written.severity), (Priority::P2, Severity::Ticket));
    }
}
