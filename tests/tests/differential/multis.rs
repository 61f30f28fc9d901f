//! multi and multiRead: chains of members that build on one another, members at random, and every kind of wrong ones.
use crate::generator::{Generator, TTLS};
use paddock_tests::records::{Acl, flags, op};
use paddock_tests::request::Request;

/// Members of a multi at most.
const MEMBERS_MAX: usize = 6;

impl Generator {
    /// Of one member where there are quotas, see `versions`.
    pub fn multi(&mut self) -> Request {
        let mut multi = self.multi_of_any_length();
        if let Request::Multi { members, .. } = &mut multi
            && self.has_quotas
        {
            members.truncate(1);
        }
        multi
    }

    fn multi_of_any_length(&mut self) -> Request {
        if self.random.one_in(2) {
            return Request::multi(self.chain());
        }
        if self.random.one_in(8) {
            return Request::multi(vec![self.alone()]);
        }
        let count = self.random.below(MEMBERS_MAX + 1);
        let members = (0..count).map(|_| self.member_with_path()).collect();
        Request::multi(members)
    }

    pub fn multi_read(&mut self) -> Request {
        let count = self.random.below(MEMBERS_MAX + 1);
        let member = |generator: &mut Generator| match generator.random.below(40) {
            0 => generator.member_with_path(),
            1 => Request::exists("/", false),
            _ => {
                let opcode = *generator.random.pick(&[op::GET_DATA, op::GET_CHILDREN]);
                let watch = generator.random.one_in(2);
                Request::PathWatch { opcode, path: generator.path().or(Some("/".into())), watch }
            }
        };
        Request::multi_read((0..count).map(|_| member(self)).collect())
    }

    /// Members that build on one another, so that many such multis succeed.
    fn chain(&mut self) -> Vec<Request> {
        let parent = self.paths.plain(&mut self.random);
        let path = format!("{parent}/m{}", self.random.below(3));
        let container = |opcode| Request::Create {
            opcode,
            path: Some(format!("{path}/container")),
            data: Some(b"third".into()),
            acl: Some(Acl::open()),
            flags: flags::CONTAINER,
        };
        let members = [
            Request::check(&parent, -1),
            Request::create2(&path, b"first", *self.random.pick(&[0, 1])),
            Request::set_data(&path, b"second", 0),
            Request::create(&format!("{parent}/n-"), b"", *self.random.pick(&[2, 3])),
            Request::check(&path, 1),
            container(*self.random.pick(&[op::CREATE, op::CREATE2, op::CREATE_CONTAINER])),
            Request::create_ttl(&format!("{path}/container/t-"), *self.random.pick(&[5, 6]), 3_600_000),
            Request::delete(&format!("{path}/container/t-"), 0),
            Request::delete(&format!("{path}/container"), 0),
            Request::delete(&path, *self.random.pick(&[1, -1])),
        ];
        members.into_iter().filter(|_| !self.random.one_in(8)).collect()
    }

    fn member_with_path(&mut self) -> Request {
        loop {
            let member = self.member();
            if !member.paths().is_empty() {
                return member;
            }
        }
    }

    /// Almost any create, as the only member.
    fn alone(&mut self) -> Request {
        loop {
            let create = self.create();
            if let Request::Create { flags, path: Some(_), acl: Some(acl), opcode, .. } = &create
                && acl.iter().all(|entry| entry.id.is_some() || entry.scheme.as_deref() == Some("auth"))
                && (self.current || if *opcode == op::CREATE_CONTAINER { *flags == 4 } else { (0..=6).contains(flags) })
            {
                return create;
            }
            if let Request::CreateTtl { path: Some(_), .. } = &create {
                return create;
            }
        }
    }

    fn member(&mut self) -> Request {
        match self.random.below(100) {
            0..=34 => self.created_member(),
            35..=39 => self.created_ttl_member(),
            40..=59 => self.path_version(op::DELETE),
            60..=79 => self.set_data(),
            80..=97 => self.path_version(op::CHECK),
            98 => self.plain_read(),
            _ => self.set_acl(),
        }
    }

    /// A create that can only fail in ordinary ways. Some members (TTL flags, a null ACL or id) make ZooKeeper throw in the
    /// middle of a multi, and what the members before them were about to do is then neither done nor forgotten until the
    /// log has moved on; they come alone.
    fn created_member(&mut self) -> Request {
        let mut create = self.create();
        if let Request::Create { acl, flags, opcode, .. } = &mut create {
            match *opcode {
                op::CREATE_CONTAINER if self.current => *flags &= flags::EPHEMERAL_SEQUENTIAL,
                op::CREATE_CONTAINER => *flags = flags::CONTAINER,
                _ if *flags != flags::CONTAINER => *flags &= flags::EPHEMERAL_SEQUENTIAL,
                _ => {}
            }
            for entry in acl.get_or_insert_default().iter_mut().filter(|entry| entry.scheme.as_deref() != Some("auth"))
            {
                entry.id.get_or_insert_default();
            }
        }
        create
    }

    fn created_ttl_member(&mut self) -> Request {
        let path = self.paths.plain(&mut self.random);
        let (flags, ttl) = (*self.random.pick(&[5, 5, 5, 6, 6, 0, 1, 2, 3, 4, 7, -1]), *self.random.pick(&TTLS));
        let mut create = Request::create_ttl(&path, flags, ttl);
        if let Request::CreateTtl { acl, .. } = &mut create
            && self.random.one_in(8)
        {
            *acl = None;
        }
        create
    }
}
