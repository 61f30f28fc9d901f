//! The links of one process on a simulated host.

use paddock_consensus::config::HostPort;
use paddock_consensus::settings::Ms;

use super::network::{HostId, Network};
use crate::node::peers::links::{CannotListen, Links, Port, Read, StreamEvent, StreamId, Written};

/// Good until the process ends, or another one begins on the host; after that nothing is done, and every stream has ended.
#[derive(Debug)]
pub struct HostLinks {
    network: Network,
    host: HostId,
    life: u64,
}

impl HostLinks {
    /// Those of a new process on this host. One that ran there ends.
    pub fn begin(network: &Network, host: HostId) -> HostLinks {
        let life = network.state().begin_process(host);
        HostLinks { network: network.clone(), host, life }
    }
}

impl Links for HostLinks {
    fn begin_turn(&mut self, _: Ms) -> Result<(), CannotListen> {
        Ok(())
    }

    fn connect(&mut self, _: Port, addresses: &[HostPort], told: &[HostPort]) -> StreamId {
        let mut state = self.network.state();
        if !state.is_alive(self.host, self.life) { StreamId(0) } else { state.connect(self.host, addresses, told) }
    }

    fn listen(&mut self, port: Port, is_open: bool) {
        let mut state = self.network.state();
        if state.is_alive(self.host, self.life) {
            state.listen(self.host, port, is_open);
        }
    }

    /// A host stays where it is.
    fn move_to(&mut self, _: Port, _: &[HostPort]) {}

    fn read(&mut self, stream: StreamId, bytes: &mut [u8]) -> Read {
        let mut state = self.network.state();
        if !state.is_alive(self.host, self.life) { Read::Ended } else { state.read(stream, bytes) }
    }

    fn write(&mut self, stream: StreamId, bytes: &[u8]) -> Written {
        let mut state = self.network.state();
        if !state.is_alive(self.host, self.life) { Written::Ended } else { state.write(stream, bytes) }
    }

    fn close(&mut self, stream: StreamId) {
        let mut state = self.network.state();
        if state.is_alive(self.host, self.life) {
            state.close(stream);
        }
    }

    fn poll(&mut self) -> Option<StreamEvent> {
        let mut state = self.network.state();
        if state.is_alive(self.host, self.life) { state.poll(self.host) } else { None }
    }

    fn has_more(&self) -> bool {
        let state = self.network.state();
        state.is_alive(self.host, self.life) && state.has_event(self.host)
    }

    /// Whoever moves the clock of the network has its deadlines.
    fn deadline(&self) -> Option<Ms> {
        None
    }
}
