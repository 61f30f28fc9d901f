//! Why this side ends a link, in words.

use std::fmt;

use paddock_consensus::output::Reason;
use paddock_net::peer::message::BadMessage;
use paddock_net::peer::packet::BadPacket;
use paddock_net::peer::packet_type::PacketType;

use super::link::Awaited;
use super::supply::Unsupplied;

#[derive(Debug)]
pub enum Closing {
    /// The core has decided so.
    Decided(Reason),
    /// The core has decided so, because the learner was not brought what it lacks in time.
    NotUpToDate,
    /// The other side has ended it, or it broke.
    Ended,
    BadPacket(BadPacket),
    /// The same before it has said who it is.
    BadIntroduction(BadPacket),
    BadMessage(BadMessage),
    /// Its first packet is another one than who it is.
    NotIntroduced(PacketType),
    /// It has not done in time what it was waited for.
    Late(Awaited),
    /// There are too many that have not said who they are, or are in no configuration.
    TooManyStrangers,
    /// It reads so slowly that what it is sent next is forgotten.
    Behind,
    /// It reads so slowly that too much for it alone waits.
    Full,
    Unsupplied(Unsupplied),
    /// A transaction in it is longer than any that the log takes.
    LongTransaction,
    /// What has come of it is not written or committed for too long.
    TooFarBehind,
    /// All numbers of links are used.
    NoNumber,
}

impl Closing {
    /// What has come is no packet. `is_introduced`: the other side has said who it is, or was dialled.
    pub fn bad(bad: BadPacket, is_introduced: bool) -> Closing {
        if is_introduced { Closing::BadPacket(bad) } else { Closing::BadIntroduction(bad) }
    }

    /// The core has decided so. `is_up_to_date`: the learner was told UPTODATE.
    pub fn decided(reason: Reason, is_up_to_date: bool) -> Closing {
        match reason {
            Reason::TimedOut if !is_up_to_date => Closing::NotUpToDate,
            reason => Closing::Decided(reason),
        }
    }

    /// Whether a person need not look after it.
    pub fn is_usual(&self) -> bool {
        matches!(
            self,
            Closing::Ended
                | Closing::Decided(
                    Reason::RoleEnded | Reason::Stopped | Reason::Replaced | Reason::Reconfigured | Reason::OldConfig
                )
        )
    }
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closing::Decided(reason) => write_reason(*reason, f),
            Closing::NotUpToDate => f.write_str(
                "it was silent for too long, or too slow, before the learner was up to date; are tickTime and initLimit long \
                 enough?",
            ),
            Closing::Ended => f.write_str("it was ended at the other side"),
            Closing::BadPacket(bad) => write!(f, "{bad}; are jute.maxbuffer and extrasize the same on all servers?"),
            Closing::BadIntroduction(bad) => write!(f, "{bad}; only servers of the ensemble should reach this port"),
            Closing::BadMessage(bad) => write!(f, "{bad}"),
            Closing::NotIntroduced(packet_type) => {
                write!(f, "its first packet is {packet_type}; only servers of the ensemble should reach this port")
            }
            Closing::Late(awaited) => f.write_str(match awaited {
                Awaited::Introduction => {
                    "it has not said which server it is; only servers of the ensemble should reach this port"
                }
                Awaited::State => "nothing more came of the state that it was sending; is initLimit long enough?",
                Awaited::Taking => "it takes nothing of what it lacks; is its disk slow, or initLimit too short?",
                Awaited::Farewell => "this server stops, and it has not taken all that was for it",
            }),
            Closing::TooManyStrangers => f.write_str("there are too many servers that are in no configuration"),
            Closing::Behind | Closing::Full => f.write_str(
                "it reads too slowly; it is brought what it lacks when it is back. Is its network or disk slow?",
            ),
            Closing::Unsupplied(why) => write!(f, "{why}"),
            Closing::LongTransaction => f.write_str("it has sent a transaction that is longer than the log takes"),
            Closing::TooFarBehind => f.write_str(
                "it is too far ahead of this server; what that lacks is asked for again. Is the disk here slow?",
            ),
            Closing::NoNumber => f.write_str("this process has no number for it any more, and must be started again"),
        }
    }
}

fn write_reason(reason: Reason, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match reason {
        Reason::RoleEnded => f.write_str("this server looks for a leader"),
        Reason::Stopped => f.write_str("this server stops"),
        Reason::Unsettled(why) => {
            write!(f, "the history could not be made the leader's ({why:?}); it is asked for anew")
        }
        Reason::Diverged => f.write_str("the state here is not the leader's; it is asked for anew"),
        Reason::TooMany => f.write_str("there are as many links as may be"),
        Reason::Unexpected { state, zxid } => {
            write!(f, "it has sent what does not belong there, with zxid {zxid}, while this server was {state}")
        }
        Reason::TimedOut => {
            f.write_str("it was silent for too long, or too slow; are tickTime and syncLimit long enough?")
        }
        Reason::Newer => f.write_str("it knows more than this server, which may not lead it"),
        Reason::Replaced => f.write_str("the same server has connected anew"),
        Reason::OldEpoch => f.write_str("its epoch is older than one that was promised"),
        Reason::OldConfig => f.write_str("it does not know the present configuration yet, and that is being changed"),
        Reason::ReconfigDisabled => f.write_str(
            "it changes the ensemble's configuration, and reconfigEnabled is off here; set reconfigEnabled=true on every member",
        ),
        Reason::Reconfigured => f.write_str("the configuration gives this server another part, or another leader"),
    }
}

#[cfg(test)]
mod tests {
    use paddock_consensus::output::Reason;
    use paddock_net::peer::arriving::Stop;
    use paddock_net::peer::packet::Packet;

    use super::Closing;

    #[test]
    fn a_browser_is_told_from_a_server_with_other_limits() {
        let told = |is_introduced| match Packet::read(b"GET / HTTP/1.1\r\n\r\n", 1 << 20) {
            Err(Stop::Bad(bad)) => Closing::bad(bad, is_introduced).to_string(),
            read => panic!("it is no packet: {read:?}"),
        };
        let (strange, known) = (told(false), told(true));
        assert!(strange.ends_with("; only servers of the ensemble should reach this port"), "{strange}");
        assert!(known.ends_with("; are jute.maxbuffer and extrasize the same on all servers?"), "{known}");
    }

    #[test]
    fn before_a_learner_is_up_to_date_its_time_is_another_limit() {
        let told = |is_up_to_date| Closing::decided(Reason::TimedOut, is_up_to_date).to_string();
        assert!(told(false).contains("tickTime and initLimit"), "{}", told(false));
        assert!(told(true).contains("tickTime and syncLimit"), "{}", told(true));
    }
}
