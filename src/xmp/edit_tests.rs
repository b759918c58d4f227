use super::*;
use crate::archive::Tag;
use proptest::prelude::*;

const HEAD: &str = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">"#;
const TAIL: &str = "\n </rdf:RDF>\n</x:xmpmeta>";

fn mark(text: &str) -> MarkWish {
    MarkWish::Set(Mark {
        source: Tag::Machine,
        digest: digest(text),
        language: Some("en".into()),
        above: None,
    })
}

fn machine(text: &str) -> Wish<'_> {
    Wish {
        text,
        language: "en",
        mark: mark(text),
    }
}

fn back(text: &str) -> Wish<'_> {
    Wish {
        text,
        language: "en",
        mark: MarkWish::Clear,
    }
}

fn edited(packet: &str, wish: &Wish<'_>) -> String {
    match edit(packet.as_bytes(), wish) {
        Ok(Edited::Bytes(bytes)) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}\n{packet}"),
    }
}

/// Sidecars as other programs write them, with the alt text that each has.
fn samples() -> Vec<(&'static str, String, &'static str)> {
    let alt = |items: &str| {
        format!(
            "{HEAD}\n  <rdf:Description rdf:about='' xmlns:i='{}'>\n   \
             <i:AltTextAccessibility>\n    <rdf:Alt>\n{items}    </rdf:Alt>\n   \
             </i:AltTextAccessibility>\n  </rdf:Description>{TAIL}",
            names::IPTC
        )
    };
    vec![
        (
            "attributes alone",
            format!(
                "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{HEAD}\n  <rdf:Description \
                 rdf:about=\"\"\n    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n   \
                 xmp:Rating=\"3\"/>{TAIL}"
            ),
            "",
        ),
        (
            "exiftool",
            format!(
                "<?xpacket begin='\u{feff}' id='W5M0MpCehiHzreSzNTczkc9d'?>\n{HEAD}\n\n \
                 <rdf:Description rdf:about='uuid:1&amp;2'\n  \
                 xmlns:dc='http://purl.org/dc/elements/1.1/'>\n  <dc:title>\n   <rdf:Alt>\n    \
                 <rdf:li xml:lang='x-default'>A &lt;title&gt;</rdf:li>\n   </rdf:Alt>\n  \
                 </dc:title>\n </rdf:Description>\n{TAIL}\n<?xpacket end='w'?>"
            ),
            "",
        ),
        (
            "ends of lines as on Windows",
            format!("{HEAD}\n  <rdf:Description rdf:about=\"\"/>{TAIL}").replace('\n', "\r\n"),
            "",
        ),
        (
            "another language alone",
            alt("     <rdf:li xml:lang='de'>Ein Hund.</rdf:li>\n"),
            "",
        ),
        (
            "for everybody and one more",
            alt(
                "     <rdf:li xml:lang='x-default'>A dog &amp; a cat.</rdf:li>\n     \
                 <rdf:li xml:lang='de'>Ein Hund.</rdf:li>\n",
            ),
            "A dog & a cat.",
        ),
        (
            "a text as an attribute",
            format!(
                "{HEAD}<rdf:Description rdf:about='' xmlns:i='{}' i:AltTextAccessibility='A \
                 &quot;dog&quot;'/>{TAIL}",
                names::IPTC
            ),
            "A \"dog\"",
        ),
        (
            "a region",
            alt("     <rdf:li xml:lang='x-default'>Hello.</rdf:li>\n     \
                 <rdf:li xml:lang='en-GB'>Colour.</rdf:li>\n"),
            "Colour.",
        ),
    ]
}

#[test]
fn a_text_comes_and_goes_and_leaves_every_byte_as_it_was() {
    for (name, packet, text) in samples() {
        let read = |packet: &str| Packet::read(packet.as_bytes(), "en").unwrap();
        assert_eq!(read(&packet).alt.unwrap_or_default(), text, "{name}");
        let ours = edited(&packet, &machine("Our <text> & \"more\"."));
        assert_eq!(read(&ours).alt.as_deref(), Some("Our <text> & \"more\"."));
        assert_eq!(read(&ours).tag(), Some(Tag::Machine), "{name}");
        let better = edited(&ours, &machine("A better one."));
        assert_eq!(edited(&better, &machine("Our <text> & \"more\".")), ours);
        let restored = edited(&better, &back(text));
        assert_eq!(restored, packet, "{name}");
        assert_eq!(read(&restored).title, read(&packet).title);
    }
}

#[test]
fn our_own_packet_is_nothing_once_its_text_is_taken_back() {
    let packet = fresh(&machine("A dog."));
    let read = Packet::read(&packet, "en").unwrap();
    assert_eq!(read.alt.as_deref(), Some("A dog."));
    assert_eq!(read.tag(), Some(Tag::Machine));
    assert_eq!(edit(&packet, &back("")), Ok(Edited::Nothing));
    // With somebody else's property in it, it stays.
    let text = String::from_utf8(packet).unwrap();
    let property = "<a:b xmlns:a='urn:a'>c</a:b></rdf:Description>";
    let shared = text.replace("</rdf:Description>", property);
    let left = edited(&shared, &back(""));
    assert!(
        left.contains("<a:b") && !left.contains("altfill:"),
        "{left}"
    );
}

#[test]
fn a_text_that_somebody_changed_is_not_marked_as_ours_any_more() {
    let packet = String::from_utf8(fresh(&machine("A dog."))).unwrap();
    let read = Packet::read(packet.replace("A dog.", "Rex.").as_bytes(), "en").unwrap();
    assert_eq!((read.alt.as_deref(), read.tag()), (Some("Rex."), None));
}

#[test]
fn a_mark_that_another_program_moved_is_found_and_taken_away() {
    let text = "A dog.";
    let merged = format!(
        "{HEAD}<rdf:Description rdf:about='' xmlns:a='{}' xmlns:i='{}' xmlns:x='urn:x' x:y='z' \
         a:AltTextSource='machine' a:AltTextDigest='{}'><i:AltTextAccessibility><rdf:Alt><rdf:li \
         xml:lang='x-default'>{text}</rdf:li></rdf:Alt></i:AltTextAccessibility>\
         </rdf:Description>{TAIL}",
        names::OURS,
        names::IPTC,
        digest(text)
    );
    let read = |packet: &str| Packet::read(packet.as_bytes(), "en").unwrap();
    assert_eq!(read(&merged).tag(), Some(Tag::Machine));
    let better = edited(&merged, &machine("Better."));
    assert_eq!(read(&better).tag(), Some(Tag::Machine));
    assert_eq!(better.matches("AltTextDigest>").count(), 2, "{better}");
    let gone = edited(&better, &back(""));
    assert_eq!((read(&gone).alt, read(&gone).mark), (None, None));
    assert!(
        gone.contains("x:y='z'") && !gone.contains("AltText"),
        "{gone}"
    );
}

#[test]
fn what_is_not_safe_to_change_is_refused() {
    let alt = "<i:AltTextAccessibility xmlns:i='http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/'>";
    let with = |inside: &str| format!("{HEAD}<rdf:Description>{inside}</rdf:Description>{TAIL}");
    let end = "</i:AltTextAccessibility>";
    let cases = [
        (String::new(), "no single rdf:RDF"),
        ("\u{fffe}".to_owned(), "no sound XML"),
        ("<a>".to_owned(), "line 1"),
        ("<a/><b/>".to_owned(), "second root"),
        (format!("{HEAD}<rdf:Description>"), "no sound XML"),
        (format!("{HEAD}{TAIL}<!-- "), "no sound XML"),
        (with("<q:x/>"), "prefix q is not declared"),
        (with("<a>&bomb;</a>"), "unknown entity"),
        (with("<a>&#0;</a>"), "no sound XML"),
        (with("<a>&#1;</a>"), "XML forbids"),
        (
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>".to_owned(),
            "document type",
        ),
        (
            "<?xml version='1.0' encoding='latin1'?><a/>".to_owned(),
            "not UTF-8",
        ),
        (with(&format!("{alt}a{end}{alt}b{end}")), "twice"),
        (with(&format!("{alt}<b/>{end}")), "no plain text"),
        (
            format!("{}{}", "<a>".repeat(200), "</a>".repeat(200)),
            "too deep",
        ),
    ];
    for (packet, why) in cases {
        let error = edit(packet.as_bytes(), &machine("A dog.")).unwrap_err();
        assert!(error.to_string().contains(why), "{error}: {packet}");
    }
    let wide: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [&b"\xff\xfe<\0a\0"[..], b"\xe9"] {
        assert_eq!(edit(bytes, &machine("A")), Err(XmpError::Encoding));
    }
    assert!(edit(&wide, &machine("A")).is_err());
    let huge = vec![b' '; super::super::LARGEST as usize + 1];
    assert_eq!(edit(&huge, &machine("A")), Err(XmpError::TooLarge));
}

proptest! {
    #[test]
    fn any_text_is_read_back_as_it_was_written(text in "\\PC{1,40}", other in "[ \t\n\r&<>\"']{0,6}\\PC{0,20}") {
        let packet = fresh(&machine(&text));
        prop_assert_eq!(Packet::read(&packet, "en").unwrap().alt.unwrap_or_default(), text);
        for (_, packet, before) in samples() {
            let ours = edited(&packet, &machine(&other));
            let read = Packet::read(ours.as_bytes(), "en").unwrap();
            prop_assert_eq!(read.alt.unwrap_or_default(), other.as_str());
            let restored = edited(&ours, &back(before));
            if !other.is_empty() {
                prop_assert_eq!(restored, packet);
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[<>a-z:/='\" !&;\\[\\]-]{0,80}") {
        let _ = edit(&bytes, &machine("A"));
        let _ = edit(text.as_bytes(), &machine("A"));
        let inside = format!("{HEAD}<rdf:Description>{text}</rdf:Description>{TAIL}");
        let _ = edit(inside.as_bytes(), &machine("A"));
    }
}
