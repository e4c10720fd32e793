//! How patients spell: contractions, the usual misspellings, and the words that are guessed at.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Contractions, without the apostrophe that half of them are written without.
const CONTRACTIONS: &[(&str, &str)] = &[
    ("dont", "do not"),
    ("dnt", "do not"),
    ("doesnt", "does not"),
    ("didnt", "did not"),
    ("cant", "can not"),
    ("cannot", "can not"),
    ("wont", "will not"),
    ("wouldnt", "would not"),
    ("shouldnt", "should not"),
    ("couldnt", "could not"),
    ("isnt", "is not"),
    ("arent", "are not"),
    ("aint", "am not"),
    ("wasnt", "was not"),
    ("havent", "have not"),
    ("hasnt", "has not"),
    ("im", "i am"),
    ("ive", "i have"),
    ("youve", "you have"),
    ("youre", "you are"),
    ("theyre", "they are"),
    ("hes", "he is"),
    ("shes", "she is"),
    ("its", "it is"),
    ("thats", "that is"),
    ("whos", "who is"),
    ("theres", "there is"),
    ("wanna", "want to"),
    ("gonna", "going to"),
    ("wtf", "what the fuck"),
    ("optout", "opt out"),
    ("yall", "you all"),
    ("noone", "no one"),
    ("nt", "not"),
    ("dnot", "do not"),
    ("dotn", "do not"),
    ("donot", "do not"),
    ("llano", "ya no"),
    ("yano", "ya no"),
    ("nome", "no me"),
    ("textings", "texting is"),
    ("takeme", "take me"),
    ("removeme", "remove me"),
    ("textme", "text me"),
    ("leaveme", "leave me"),
    ("stoptexting", "stop texting"),
    ("donttext", "do not text"),
    ("nomore", "no more"),
    ("nomas", "no mas"),
    ("stopit", "stop it"),
    ("textlist", "text list"),
    ("wrongnumber", "wrong number"),
    ("whered", "where did"),
    ("howd", "how did"),
    ("whod", "who did"),
    ("itd", "it would"),
    ("theyd", "they would"),
    ("youd", "you would"),
    ("mustve", "must have"),
    ("weve", "we have"),
    ("theyve", "they have"),
    ("youll", "you will"),
    ("theyll", "they will"),
    ("itll", "it will"),
    ("st0p", "stop"),
    ("idk", "i do not know"),
    ("dint", "did not"),
    ("dunno", "do not know"),
    ("enpas", "en paz"),
    ("enpaz", "en paz"),
    ("porfabor", "por favor"),
    ("porfavor", "por favor"),
    ("xfavor", "por favor"),
];

/// A contraction in full.
pub(in super::super) fn in_full(word: &str) -> Option<&'static str> {
    static LONG: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| CONTRACTIONS.iter().copied().collect());
    LONG.get(word).copied()
}

/// Spellings that are no slip of one letter, or that are of words too short to guess at.
const MISSPELT: &[(&str, &str)] = &[
    ("stop", "stp stpp stopp sto stpo sotp stahp stip stob stap stopt sttop dtop"),
    ("quit", "qiut qit quitt"),
    ("text", "txt textt tex texr tect txet texxt tezt"),
    ("texts", "txts texs tects"),
    ("texting", "txting txtng txtin txtn texin textin texn texting"),
    ("message", "msg mssg mesg"),
    ("messages", "msgs mssgs mesgs masages massges"),
    ("messaging", "msging"),
    ("sending", "sendin sendn sendng"),
    ("bothering", "botherin"),
    ("please", "pls ples plis plz plese pleas pleese plse pleaze pliz"),
    ("thanks", "thx thks tks"),
    ("you", "u ya'll"),
    ("your", "ur yr"),
    ("are", "r"),
    ("the", "teh"),
    ("list", "lst lis lits lsit"),
    ("take", "tke tak taek"),
    ("leave", "leve leav lv lve leev leeve leaf"),
    ("alone", "alon aline alome"),
    ("wrong", "wrng wrg rong wron worng wrnog"),
    ("number", "num nbr nmbr numbr nummber"),
    ("opt", "optt opr"),
    ("send", "sned snd semd"),
    ("more", "mroe moer mor moar mre"),
    ("out", "outt oot owt oput uot"),
    ("any", "ne"),
    ("want", "wnt wan"),
    ("enough", "enuf enuff enogh"),
    ("interested", "intrested intersted"),
    ("cancel", "cancle cancell cancal"),
    ("longer", "longr longet"),
    ("remove", "rmv rmove remv remov"),
    ("unsubscribe", "unsub unsuscribe unsubscribing unsubscribed"),
    ("from", "frm"),
    ("because", "cuz bc"),
    ("fuck", "fck fuk eff fk"),
    ("porfa", "xfa porfis"),
    ("que", "q k ke"),
    ("mas", "mass"),
    ("them", "em thm"),
    ("off", "ouf offf oof"),
    ("textos", "testos"),
    ("mensajes", "mensages mensajez mensges"),
    ("mensaje", "mensage"),
    ("celular", "cel celu"),
    ("numero", "nro"),
    ("de", "d"),
    ("quiero", "kiero qiero quero"),
    ("para", "pa"),
    ("texteen", "textien textein"),
];

/// The word that a spelling is known to stand for.
pub(in super::super) fn known_misspelling(word: &str) -> Option<&'static str> {
    static RIGHT: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        MISSPELT.iter().flat_map(|(right, spellings)| spellings.split(' ').map(|spelling| (spelling, *right))).collect()
    });
    RIGHT.get(word).copied()
}

/// Words that slips of a thumb are forgiven in, and how many. What is one slip away from them and a word itself is in
/// `real.txt`.
pub(in super::super) static GUESSED: LazyLock<Vec<(&str, usize)>> = LazyLock::new(|| {
    let with = |words: &'static str, slips| words.split(' ').map(move |word| (word, slips));
    with(ONE_SLIP, 1).chain(with(TWO_SLIPS, 2)).chain(with("unsubscribe", 3)).collect()
});

const ONE_SLIP: &str = "stop quit text texts list wrong alone phone leave these enough please again never block blocked texting texted \
    message messages messaging number remove removed delete deleted contact contacts contacting bother bothering \
    harass harassing receive receiving person sending anymore cancel reminder reminders alerts report reported \
    consent permission patient calling instead longer without system address another someone somebody anyone \
    nobody deceased passed already spam annoying disconnect mensaje mensajes texto textos numero escriban escriba \
    manden mande envien envie quiten quiteme borren borrenme borreme eliminen eliminenme molesten moleste dejen \
    dejenme molestar escribir quiero recibir lista gracias telefono celular persona basta paren";
const TWO_SLIPS: &str = "notifications notification interested communication communications discontinue equivocado equivocada \
    notificaciones quitenme";

/// Words that are written together with the one that follows.
pub(in super::super) const JOINED: &[&str] =
    &["dont", "no", "ya", "stop", "please", "plz", "leave", "take", "delete", "remove", "quit"];

/// Words that are known by how they sound, besides.
pub(in super::super) const SOUNDED: &[&str] = &[
    "remove nothing keep keeping another wanted want mistake number receive receiving unsubscribe bother bothering phone message messages \
     texting anymore subscribe because please sending leave again enough delete disconnect discontinue agree permission",
    "conozco gente quiten quiteme quitenme escribir escribirme escriban escriba escribiendo enviar envien enviarme recibir mensaje mensajes molesten \
     molestar borren borrenme borrar saquen saquenme hacer quiero ahi dejen celular equivocado equivocada equivocaron vuelvan avisen llamen lleguen \
     deseo necesito cancelar eliminen basta",
];
