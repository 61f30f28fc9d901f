//! What a leader keeps of its clients and of its learners' clients, besides what any server does that orders writes.

use paddock_consensus::input::Ticket;

use super::head::Head;
use super::owners::Owners;

#[derive(Debug)]
pub struct Leader {
    owners: Owners,
    /// The ticket of this turn's syncs.
    ticket: Ticket,
    /// There are some.
    is_ticket_used: bool,
}

impl Default for Leader {
    fn default() -> Leader {
        Leader { owners: Owners::default(), ticket: Ticket(1), is_ticket_used: false }
    }
}

impl Leader {
    /// Where each session's client is.
    pub fn owners(&mut self) -> &mut Owners {
        &mut self.owners
    }

    /// The answers of the version under construction may be told only if this server still leads after this turn.
    pub fn confirm(&mut self, head: &mut Head) {
        head.wait_for(self.use_ticket());
    }

    /// The ticket of a sync of this turn.
    pub fn use_ticket(&mut self) -> Ticket {
        self.is_ticket_used = true;
        self.ticket
    }

    /// After the turn's last sync: the ticket that is to be confirmed, if there is one.
    pub fn take_ticket(&mut self) -> Option<Ticket> {
        let ticket = std::mem::take(&mut self.is_ticket_used).then_some(self.ticket)?;
        self.ticket = Ticket(ticket.0 + 1);
        Some(ticket)
    }
}
