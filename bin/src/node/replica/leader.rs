//! The tickets by which a leader's syncs are known: those of a turn have one. No ticket is ever used twice, so that what a
//! former reign has confirmed confirms nothing in this one.

use paddock_consensus::input::Ticket;

use super::head::Head;

#[derive(Debug)]
pub struct Leader {
    /// The ticket of this turn's syncs.
    ticket: Ticket,
    /// There are some.
    is_ticket_used: bool,
}

impl Default for Leader {
    fn default() -> Leader {
        Leader { ticket: Ticket(1), is_ticket_used: false }
    }
}

impl Leader {
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

    /// This server leads no more: a ticket that was used is never confirmed, and none of the next reign is equal to it.
    pub fn end_reign(&mut self) {
        self.take_ticket();
    }
}
