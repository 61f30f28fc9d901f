use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn headers(chunks: &[&[u8]]) -> Result<Vec<ReplyHeader>, ProtocolError> {
    let mut reader = ReplyReader::new();
    let mut seen = Vec::new();
    for chunk in chunks {
        reader.feed(chunk, |header| {
            seen.push(header);
            Ok(())
        })?;
    }
    Ok(seen)
}

/// Frames as ZooKeeper's own clients send them.
#[test]
fn fixed_frames_have_the_documented_bytes() {
    let handshake = hex("0000002d 00000000 0000000000000000 00007530 0000000000000000 00000010
                         00000000000000000000000000000000 00");
    assert_eq!(connect_request(30_000), handshake);
    assert_eq!(ping_request(), hex("00000008 fffffffe 0000000b"));
    assert_eq!(close_request(7), hex("00000008 00000007 fffffff5"));
    let mut get = get_request("/a", true);
    set_xid(&mut get, 3);
    assert_eq!(get, hex("0000000f 00000003 00000004 00000002 2f61 01"));
}

#[test]
fn a_template_is_the_frame_of_its_path() {
    let name = *b"0123456789abcdef";
    let path = "/r/k/0123456789abcdef";
    let cases: [(Template, Vec<u8>); 4] = [
        (Template::get("/r/k"), get_request(path, false)),
        (Template::set("/r/k", b"value"), set_request(path, b"value")),
        (Template::create("/r/k", b"value"), create_request(path, b"value")),
        (Template::delete("/r/k"), delete_request(path)),
    ];
    for (template, mut expected) in cases {
        let mut out = b"earlier".to_vec();
        template.append(&mut out, 258, &name);
        set_xid(&mut expected, 258);
        assert_eq!(&out[7..], expected);
        assert_eq!(template.frame_bytes(), expected.len());
    }
}

#[test]
fn create_carries_an_open_acl_and_no_flags() {
    let mut create = create_request("/a", b"v");
    set_xid(&mut create, 1);
    let expected = hex("00000032 00000001 00000001 00000002 2f61 00000001 76
                        00000001 0000001f 00000005 776f726c64 00000006 616e796f6e65 00000000");
    assert_eq!(create, expected);
}

#[test]
fn replies_are_cut_out_wherever_the_stream_breaks() {
    let mut stream = hex("00000010 00000003 0000000000000005 ffffff9b");
    stream.extend(hex("0000001e ffffffff 0000000000000006 00000000 00000001 00000003 00000002 2f61"));
    stream.extend(hex("00000010 fffffffe 0000000000000005 00000000"));
    let expected = [
        ReplyHeader { xid: 3, zxid: 5, err: NO_NODE },
        ReplyHeader { xid: XID_NOTIFICATION, zxid: 6, err: 0 },
        ReplyHeader { xid: XID_PING, zxid: 5, err: 0 },
    ];
    for cut in 0..=stream.len() {
        assert_eq!(headers(&[&stream[..cut], &stream[cut..]]).unwrap(), expected, "cut at {cut}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(headers(&bytes).unwrap(), expected);
}

#[test]
fn an_incomplete_reply_is_no_reply() {
    let stream = hex("00000014 00000003 0000000000000005 00000000 0000");
    assert_eq!(headers(&[&stream]).unwrap(), []);
}

#[test]
fn impossible_lengths_are_refused() {
    for length in [-1, 0, 15, REPLY_BYTES_MAX as i32 + 1] {
        let mut stream = length.to_be_bytes().to_vec();
        stream.extend([0; 16]);
        assert_eq!(headers(&[&stream]), Err(ProtocolError::Length(length)));
    }
}

#[test]
fn the_handshake_reply_grants_or_refuses() {
    let granted = hex("00000000 00007530 0100000000000001 00000010 00000000000000000000000000000000 00");
    let session = Session { id: 0x0100_0000_0000_0001, timeout: 30_000 };
    assert_eq!(connect_reply(&granted), Ok(session));
    assert_eq!(connect_reply(&granted[..36]), Ok(session));
    let refused = hex("00000000 00000000 0000000000000000 00000010 00000000000000000000000000000000 00");
    assert_eq!(connect_reply(&refused), Err(ProtocolError::Refused));
    assert_eq!(connect_reply(&granted[..35]), Err(ProtocolError::Length(35)));
}

#[test]
fn records_of_the_two_replies_that_are_read() {
    let header = hex("00000001 0000000000000001 00000000");
    let list = [&header[..], &hex("00000002 00000001 61 00000002 6263")].concat();
    assert_eq!(children_of(&list), Some(vec!["a".into(), "bc".into()]));
    assert_eq!(children_of(&list[..list.len() - 1]), None);
    let data = [&header[..], &hex("00000003 616263"), &[0; 68]].concat();
    assert_eq!(data_of(&data), Some(&b"abc"[..]));
    assert_eq!(data_of(&header), None);
}
