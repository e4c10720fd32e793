//! What takes any reading back: words that say that texts are welcome, or that an opt-out was a slip.

use std::sync::LazyLock;

use super::pattern::Patterns;

static WELCOME: LazyLock<Patterns> = LazyLock::new(|| {
    Patterns::new(&[
        // Texts, and nothing else.
        "text|texts|texting only % $|please|no|not|i",
        "only text|texts % $",
        "texting|text|texts is|are|works|work ~ better|easier|best|great|preferred|easiest % $|for|than|i|not|so|because|when",
        "rather|prefer you|to? text|texting ~ me|than|over|instead",
        "prefer text|texts|texting|messages % $|over|to|because|so|please|for",
        "please|just text me % $|instead|when|if|about|the|at|direct|here|back",
        "solo texto|textos|mensajes|mensaje % $|no",
        "mandeme|mandenme|mandame|escribame|escribanme ~ texto|mensaje|mensajes|textos|aqui mejor|si|cuando|por|no|$",
        "prefiero|mejor por? texto|textos|mensaje|mensajes % $|que|porque",
        // Texts again.
        "would|id|please ~ like|love|want|resume|restart ~ them|these|texts|reminders|messages ~ again|back|on",
        "put|sign|add|turn|switch ~ me|us|them|texts|reminders|notifications|it|back ~ back|again ~ on|up|in|to|$",
        "opt|opting ~ back|me ~ in",
        "please keep|continue ~ sending|reminding|texting|messaging|texts|reminders",
        "keep ~ texts|reminders|messages|them ~ coming",
        // Texts, at another time or on another phone of theirs.
        "antes|despues ~ si % $",
        "despues de las? * si",
        "not call text % $|me|only|instead|please",
        "con gusto ~ contesto|respondo|leo|los",
        "de noche|madrugada no ... en|de ~ dia|tarde|manana ~ si",
        "text|message mine % $|instead|please|for",
        "otherwise ~ all|is|it|text|texts|fine|good|great|ok ~ good|fine|great|ok|welcome",
        "no|nunca ~ me|nos? ~ @no_mande|avise|avisen ... temprano|tarde|noche|madrugada|domingos|domingo|sabados|manana|5|6|7|8|9|10 ... bien|ok|perfecto|si % $",
        "no|nunca ~ me|nos? ~ @no_mande|avise|avisen ... temprano|tarde|noche|madrugada ~ mejor|mas ~ temprano|tarde|por|en|a",
        "not|no ... early|late|before|past|sundays|sunday|weekends|night|am ... after|later|mornings|afternoons|days|daytime|weekdays|evenings .. fine|ok|okay|good|great|better % $",
        // A slip.
        "accidentally|mistakenly ~ blocked|stopped|unsubscribe|opted|deleted|canceled",
        "by|on accident|mistake|purpose .. .. stop|unsubscribe|unsubscribed|opted",
        "i ~ sent|said|typed|texted|unsubscribe|replied|hit|wrote|canceled|opted .. by ~ accident|mistake",
        "unsubscribe|opted|stop .. ~ by ~ accident|mistake",
        "not|never mean|meant ~ to ~ stop|unsubscribe|opt|cancel|say|send|text|block|reply",
    ])
});

/// Whether a text says so.
pub(super) fn is_said(said: &[&str]) -> bool {
    WELCOME.matches(said, 0..said.len()).next().is_some()
}
