//! Words that the rules share: classes, what may be skipped, contractions, and how patients spell.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The words of a class, sorted. Classes are named by the rules, so one that is missing stops the program, and the tests.
pub(super) fn class(name: &str) -> &'static [&'static str] {
    static WORDS: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
        let sorted = |words: &'static str| {
            let mut words: Vec<&str> = words.split(' ').collect();
            words.sort_unstable();
            words
        };
        CLASSES.iter().map(|(name, words)| (*name, sorted(words))).collect()
    });
    WORDS.get(name).unwrap_or_else(|| panic!("there is no class @{name}"))
}

/// Every word of every class that is looked for.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().filter(|(name, _)| *name != "real").flat_map(|(_, words)| words.split(' '))
}

/// Whether a word is one of a class.
pub(super) fn is_in(class: &str, word: &str) -> bool {
    find_in(class, word).is_some()
}

/// A word of a class, if it is one.
pub(super) fn find_in(class: &str, word: &str) -> Option<&'static str> {
    self::class(class).binary_search(&word).ok().map(|place| self::class(class)[place])
}

const CLASSES: &[(&str, &str)] = &[
    // What a patient may not want.
    (
        "texts",
        "text texts texting message messages messaging sms spam spamming notification notifications alerts \
         communication communications reminders mensaje mensajes texto textos",
    ),
    ("these", "these this those them that it"),
    // What the practice does with a phone.
    (
        "reach",
        "text texting message messaging contact contacting bother bothering disturb disturbing spam spamming harass \
         harassing bug bugging annoy annoying email ping pester pestering",
    ),
    ("me", "me us him her them my our"),
    ("stop", "stop quit cease halt discontinue stopping"),
    ("number", "number phone cell line numero telefono celular mobile"),
    ("wrong", "wrong incorrect"),
    ("take", "take get taking taken pull keep leave want scratch"),
    ("remove", "remove removed delete deleted erase erased drop scrub"),
    ("list", "list lists lista system database records directory texts messages text service thread"),
    // Where a clinic has patients on and off lists of its own.
    (
        "schedule",
        "schedule waitlist waiting calendar appointment appointments appt appts books slot session sessions visit \
         visits class today tomorrow monday mondays tuesday tuesdays wednesday wednesdays thursday thursdays friday \
         fridays saturday am pm morning mornings afternoon evening",
    ),
    // What patients take, wear, do and undergo.
    (
        "care",
        "surgery injection injections procedure operation therapy treatment shot shots exercise exercises brace cane \
         walker crutches boot sling tape meds medication medications medicine thinners thinner study release xray \
         mri dry needling pills",
    ),
    (
        "names",
        "maria karen john david jim linda susan susans robert steve angela patty carmen juan jose james michael mike \
         mary patricia jennifer jen jenny william barbara richard elizabeth liz joseph joe jessica thomas tom sarah \
         sara charles chris christopher daniel dan lisa matthew matt nancy anthony tony sandra betty ashley donald \
         emily steven kim kimberly paul andrew donna joshua josh michelle kenneth carol kevin amanda brian melissa \
         george deborah debbie stephanie rebecca becky laura luis carlos ana anna rosa jorge pedro miguel francisco \
         guadalupe lupe teresa elena sofia diego manuel antonio rafael alejandro fernando marta martha lucia isabel \
         gloria alicia ricardo roberto eduardo javier raul oscar bob dave greg larry jerry gary nick sam ben alex \
         ryan jason eric kelly tina kathy cathy judy diane julie heather amy helen rachel megan jeff scott tim ron \
         frank peter henry harris smith jones garcia lopez martinez rodriguez hernandez johnson williams brown \
         miller davis denise ruth tyler brenda earl tran alvarez todd kyle ellen tiffany nicole courtney vanessa \
         monica veronica christina cristina samantha brittany danielle natalie allison erica erika katherine \
         catherine kate katie cindy sharon janet joyce dorothy shirley carolyn christine marie debra pamela pam \
         walter gerald roger keith jeremy sean carl arthur lawrence dylan jesse bryan willie gabriel logan alan \
         albert wayne randy vincent russell louis philip bobby johnny craig shawn travis derek dustin jacob noah \
         ethan aaron adam nathan zach zachary dennis douglas doug harold patrick stephen edward edwin leonard norman \
         stanley herbert fred glenn marvin leroy ernest curtis clarence calvin lloyd edgar hector ruben sergio \
         armando enrique ramon felipe julio ernesto alfredo arturo alberto gerardo guillermo gustavo hugo ivan jaime \
         leonardo lorenzo marcos mario tomas vicente xavier yolanda silvia sylvia leticia margarita beatriz graciela \
         josefina juana lourdes raquel ramona susana valeria viviana ximena adriana alejandra andrea angelica \
         claudia daniela diana fernanda gabriela jacqueline jasmine karina liliana lorena mariana maribel marisol \
         miriam nora paola araceli esther eva evelyn fatima gina jackie joanna joan judith kathleen kristen kristin \
         lauren leslie lori lorraine lucy lynn marcia marilyn maureen melanie molly olivia peggy phyllis rita \
         roxanne sally sheila sherry stacy tammy tanya theresa tracy valerie wanda wendy yvonne gomez diaz reyes \
         morales ortiz gutierrez ramirez torres flores rivera gonzalez gonzales perez sanchez ramos wilson anderson \
         moore jackson thompson robinson clark lewis allen mitchell roberts phillips campbell evans edwards collins \
         stewart murphy rogers",
    ),
    ("lists", "list lists lista system database records directory"),
    // Names that are words besides.
    (
        "also_names",
        "mark will grace hope joy dawn may june jack rose robin taylor austin jordan bill ray pat sue gene terry virginia \
         carolina victoria crystal amber cruz chen patel nguyen lee stella silvia faith iris ivy ruby penny sandy \
         frank rich art dick summer autumn daisy lily violet",
    ),
    (
        "averse",
        "not no never stop quit cease end cancel remove delete hate refuse unwanted enough disable discontinue terminate \
         without decline against sick tired",
    ),
    ("junk", "crap shit garbage junk nonsense bs bullshit stuff trash rubbish"),
    ("report", "report reporting reported reportar"),
    ("block", "block blocking blocked"),
    (
        "mande",
        "mande manden mandes manda mandar envie envien envies enviar escriba escriban escribas escribir textee \
         texteen textees textear contacte contacten contactes contactar moleste molesten molestes molestar fastidie \
         fastidien texts text escribirme mandarme enviarme textearme texteame texteandome molestarme contactarme",
    ),
    // Commands, which ask for something; "me escriben" and "me mandaron" tell something.
    (
        "no_mande",
        "mande manden mandes envie envien envies escriba escriban escribas textee texteen textees contacte contacten \
         contactes moleste molesten molestes fastidie fastidien chinguen jodan insista insistan",
    ),
    (
        "pare",
        "pare paren parenle parele parale deje dejen deja dejar basta alto detenga detengan detener suspenda suspendan suspender \
         termine terminen cese cesen stop quit",
    ),
    ("mensajes", "mensaje mensajes texto textos texts text msj msjs mensajitos notificaciones recordatorios"),
    (
        "quite",
        "quite quiten quita saque saquen borre borren borra borrar elimine eliminen eliminar remueva remuevan \
         remover quitar sacar remove take delete",
    ),
    (
        "quiteme",
        "quiteme quitenme quitame saqueme saquenme sacame borreme borrenme borrame elimineme eliminenme eliminame \
         remuevame remuevanme quitarme sacarme borrarme eliminarme",
    ),
    // What may stand between a verb and its object and says nothing by itself.
    (
        "fillers",
        "call calling another one single other a all an and any being be from further get getting got have having here in it me more my no of on our out \
         receive receiving send sending some stupid such that the these this those to us with your anymore \
         additional damn fucking fuckin freaking frickin goddamn bloody shit crap please up for so many just w about \
         whatever ya con de los las mis mas sus tus la mi su el esos estos esta este esa ese recibir que ningun \
         tantos mandando mandar mandarme mandarnos enviar enviarme enviando otro",
    ),
    // Courtesy, impatience, and other words that an opt-out comes wrapped in.
    (
        "courtesies",
        "please thanks thank you ok okay hi hello hey but no yes yeah just already now sorry sir maam the so and \
         well omg por favor porfa gracias ya hola disculpe perdon i am anymore seriously kindly again all \
         everything it this yo si guys people immediately asap right bye",
    ),
    // Words one slip away from those that are guessed at, which mean something else.
    (
        "real",
        "perdon persons persona testing resting along aloe clone lone wring wrung prong wrongs leaves weave heave leaved received receives \
         receiver ending spending mending bending vending lending tending fending pending standing sanding seeding \
         subscriber cleave atone massage massages massaging messaged numbed numbers lumber removed removes remover \
         remote deleted deletes contacts contract subscribe subscribed mothering uninterested interest escriben \
         escribo escribe equivocada text texts contacto contacte numeros escribas escribi escribir message messages \
         mensaje mensajes nombre contracting exciting taxing vexing sexting tenting",
    ),
];

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
    ("takeme", "take me"),
    ("removeme", "remove me"),
    ("textme", "text me"),
    ("leaveme", "leave me"),
    ("stoptexting", "stop texting"),
    ("donttext", "do not text"),
    ("nomore", "no more"),
    ("nomas", "no mas"),
    ("stopit", "stop it"),
];

/// A contraction in full.
pub(super) fn in_full(word: &str) -> Option<&'static str> {
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
    ("messages", "msgs mssgs mesgs"),
    ("messaging", "msging"),
    ("sending", "sendin sendn sendng"),
    ("bothering", "botherin"),
    ("please", "pls plz plese pleas pleese plse pleaze pliz"),
    ("thanks", "thx thks tks"),
    ("you", "u ya'll"),
    ("your", "ur yr"),
    ("are", "r"),
    ("the", "teh"),
    ("list", "lst lis lsit"),
    ("take", "tke tak taek"),
    ("leave", "leve leav lve leeve leaf"),
    ("alone", "alon aline alome"),
    ("wrong", "wrng rong wron worng wrnog"),
    ("number", "num nbr nmbr numbr nummber"),
    ("opt", "optt opr"),
    ("more", "mor moar"),
    ("out", "outt oot"),
    ("any", "ne"),
    ("want", "wnt wan"),
    ("enough", "enuf enuff enogh"),
    ("interested", "intrested intersted"),
    ("cancel", "cancle cancell cancal"),
    ("longer", "longr longet"),
    ("unsubscribe", "unsub unsuscribe unsubscribing unsubscribed"),
    ("from", "frm"),
    ("because", "cuz bc"),
    ("fuck", "fck fuk eff fk"),
    ("porfa", "xfa porfis"),
    ("que", "q k ke"),
    ("mas", "mass"),
];

/// The word that a spelling is known to stand for.
pub(super) fn known_misspelling(word: &str) -> Option<&'static str> {
    static RIGHT: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
        MISSPELT.iter().flat_map(|(right, spellings)| spellings.split(' ').map(|spelling| (spelling, *right))).collect()
    });
    RIGHT.get(word).copied()
}

/// Long words that slips of a thumb are forgiven in, and how many.
pub(super) const GUESSED: &[(&str, usize)] = &[
    ("unsubscribe", 3),
    ("texting", 1),
    ("message", 1),
    ("messages", 1),
    ("messaging", 1),
    ("number", 1),
    ("remove", 1),
    ("delete", 1),
    ("contact", 1),
    ("contacting", 1),
    ("bothering", 1),
    ("harassing", 1),
    ("interested", 1),
    ("alone", 1),
    ("wrong", 1),
    ("leave", 1),
    ("receive", 1),
    ("person", 1),
    ("sending", 1),
    ("anymore", 1),
    ("mensajes", 1),
    ("mensaje", 1),
    ("numero", 1),
    ("equivocado", 1),
    ("escriban", 1),
    ("escriba", 1),
];
