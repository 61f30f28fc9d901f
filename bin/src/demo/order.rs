//! What a person wants of the demo: a key on a terminal, or a line with the same letter elsewhere.

/// Of what there are to choose from.
pub const HINT: &str = "kill -9, or start again   l kill the leader   s stop the leader in order   q end";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// `kill -9` for the server with this number, which counts from 1; or its start, if it does not run.
    Toggle(usize),
    KillLeader,
    StopLeader,
    End,
}

impl Order {
    /// `None` if the letter is none, or the number is that of no server.
    pub fn of_key(key: char, servers: usize) -> Option<Order> {
        match key {
            'l' | 'L' => Some(Order::KillLeader),
            's' | 'S' => Some(Order::StopLeader),
            'q' | 'Q' => Some(Order::End),
            digit => {
                let number = usize::try_from(digit.to_digit(10)?).ok()?;
                (1..=servers).contains(&number).then_some(Order::Toggle(number))
            }
        }
    }

    /// The same of a line.
    pub fn of_line(line: &str, servers: usize) -> Option<Order> {
        let mut keys = line.trim().chars();
        let key = keys.next()?;
        if keys.next().is_some() { None } else { Order::of_key(key, servers) }
    }
}

#[cfg(test)]
mod tests {
    use super::Order;

    #[test]
    fn keys_and_lines_are_orders() {
        assert_eq!(Order::of_key('3', 3), Some(Order::Toggle(3)));
        for none in ['0', '4', 'x', ' '] {
            assert_eq!(Order::of_key(none, 3), None, "{none}");
        }
        assert_eq!(Order::of_line(" l\r", 3), Some(Order::KillLeader));
        assert_eq!(Order::of_line("s", 3), Some(Order::StopLeader));
        for none in ["", "ll", "11"] {
            assert_eq!(Order::of_line(none, 3), None, "{none}");
        }
    }
}
