//! Words that the rules share: classes of them, what may be skipped, names.

mod spellings;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

pub(super) use spellings::{GUESSED, JOINED, SOUNDED, in_full, known_misspelling};

/// What any name is read as: the rules ask whether there is one, not whose it is.
pub(super) const NAME: &str = "(name)";

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
    CLASSES.iter().filter(|(name, _)| *name != "names").flat_map(|(_, words)| words.split(' '))
}

/// Whether a word is a name, or of somebody of that name: "Susans phone".
pub(super) fn is_name(word: &str) -> bool {
    static NAMES: LazyLock<HashSet<&str>> = LazyLock::new(|| words_of(include_str!("names.txt")).collect());
    NAMES.contains(word) || word.strip_suffix('s').is_some_and(|owner| NAMES.contains(owner))
}

/// Whether a word that is nearly another one is a word itself.
pub(super) fn is_real(word: &str) -> bool {
    static REAL: LazyLock<HashSet<&str>> = LazyLock::new(|| words_of(include_str!("real.txt")).collect());
    REAL.contains(word)
}

/// The words of a file that says in its first line what it is.
fn words_of(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace)
}

const CLASSES: &[(&str, &str)] = &[
    ("names", NAME),
    // The channel, one or many, by every name that it has.
    (
        "chan",
        "text texts texting message messages messaging sms spam notification notifications alert alerts communication \
         communications reminder reminders blast blasts ping pings dings nudges robotexts",
    ),
    // What ends something, as a command, as a wish, and as what should be done.
    (
        "ending",
        "skipping stopping ending dropping cutting killing canceling cancelling losing ditching removing nixing discontinuing \
         disabling terminating halting ceasing pausing silencing avoiding deactivating suspending",
    ),
    (
        "ended",
        "stopped ended discontinued cancelled canceled disabled deactivated removed deleted erased terminated dropped excused \
         exempted exempt unenrolled suspended halted ceased silenced muted retired released stricken struck omitted",
    ),
    (
        "discard",
        "scratch retire ditch trash burn shred destroy wipe purge forget lose erase delete remove drop scrap dump unlist \
         blacklist nuke",
    ),
    (
        "rolls",
        "list lists roster roll rotation loop system database records directory thread chain group distribution file files",
    ),
    ("teen", "8 9 10 11 12 13 14 15 16 17 nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"),
    (
        "persons",
        "person guy fella fellow feller bloke chap gentleman gal chick kid boy girl lady dude man woman mister individual people someone somebody",
    ),
    ("count", "2 3 4 5 6 7 8 9 10 11 12 13 14 15 20 two three four five six seven eight nine ten dozen several"),
    ("dump", "trash spam junk garbage bin recycling"),
    ("paper", "paper mail email emails call calls phone letter letters voicemail voice usps"),
    (
        "allowed",
        "authorized authorised allowed permitted approved okay ok acceptable appropriate wanted needed necessary required \
         welcome appreciated desired requested secure safe",
    ),
    // What may be sent, or stopped, and is no text.
    (
        "documents",
        "link links version form forms bill bills statement statements invoice invoices photo photos picture pictures \
         paperwork receipt receipts video videos pdf file fax records report",
    ),
    // What a patient may not want.
    (
        "texts",
        "text texts texting message messages messaging sms spam spamming notification notifications alerts \
         communication communications reminders mensaje mensajes texto textos",
    ),
    // Texts of ours, more than one: who complains speaks of many.
    (
        "many",
        "texts messages reminders alerts notifications texting messaging sms notices dings beeps pings blasts \
         communications surveys",
    ),
    (
        "mailings",
        "promo promos promotions promotional survey surveys newsletter newsletters ads advertisements specials \
         marketing solicitations solicitation blasts spam advertising offers",
    ),
    // What texts do to who does not want them, and how that feels.
    (
        "disturb",
        "wake wakes woke waking interrupt interrupts interrupting scare scares scaring confuse confuses confusing upset \
         upsets upsetting embarrass embarrasses embarrassing disturb disturbs disturbing disrupt disrupts disrupting \
         stress stresses stressing distract distracts distracting annoy annoys annoying bother bothers bothering \
         harass harasses harassing bug bugs bugging drive drives driving startle startles frighten frightens agitate \
         agitates worry worries irritate irritates",
    ),
    (
        "disturbed",
        "harassed bothered bombarded spammed pestered flooded hounded annoyed stalked overwhelmed inundated swamped \
         badgered nagged invaded confused scared",
    ),
    (
        "disturbing",
        "annoying embarrassing mortifying upsetting confusing disruptive intrusive distracting disturbing stressful \
         overwhelming ridiculous excessive nonstop obnoxious old creepy inappropriate unwanted unwelcome irritating",
    ),
    (
        "threats",
        "report reporting reported sue suing lawyer attorney block blocked blocking complaint ftc fcc police cops court legal \
         review bbb harassment switching leaving changing quitting finding",
    ),
    ("over", "over done finished through"),
    (
        "revoke",
        "revoke revoking revoked withdraw withdrawing withdrawn rescind rescinding rescinded retract pull cancel end \
         terminate remove",
    ),
    (
        "strike",
        "strike cross scratch drop cut purge wipe clear scrub erase leave count include pull take remove delete get \
         keep trash",
    ),
    // What patients have subscriptions of, besides.
    ("shop", "app gym netflix hulu spotify amazon club magazine box"),
    ("appreciate", "appreciate prefer like love enjoy"),
    ("lay", "lay ease knock back cool dial chill"),
    ("shove", "shove stick stuff cram"),
    // Who answers a patient's phone, or should be texted in the patient's place.
    (
        "kin",
        "mom mother mothers mum mama dad father fathers papa husband husbands wife wifes son sons daughter daughters \
         brother sister grandma grandpa grandmother grandfather grandson uncle aunt nana spouse partner roommate boss \
         boyfriend girlfriend caregiver neighbor friend employer moms dads sons daughters brothers sisters grandpas \
         grandmas roommates exs cousins friends neighbors bosses coworkers landlords kids",
    ),
    ("send", "text texts message contact send notify remind reach use"),
    ("body", "back knee hip shoulder ankle neck leg arm foot wrist elbow bone"),
    (
        "states",
        "alabama alaska arizona arkansas california colorado connecticut delaware florida hawaii idaho illinois indiana iowa \
         kansas kentucky louisiana maine maryland massachusetts michigan minnesota mississippi missouri montana \
         nebraska nevada ohio oklahoma oregon pennsylvania tennessee texas utah vermont wisconsin wyoming canada \
         mexico state",
    ),
    // Where a phone rings that is no patient's.
    (
        "place",
        "bakery pizza pizzeria shop store school restaurant office business company firm plumbing plumber garage church station \
         bar hotel motel salon bank law laundromat diner daycare farm factory warehouse dealership fax federal \
         government employee cafe barbershop library museum funeral tattoo landscaping trucking",
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
    ("lists", "list lists lista system database records directory"),
    // Names that are words besides.
    (
        "also_names",
        "mark will grace hope joy dawn may june jack rose robin taylor austin jordan bill ray pat sue gene terry virginia \
         carolina victoria crystal amber cruz chen patel nguyen lee stella silvia faith iris ivy ruby penny sandy \
         rich art dick summer autumn daisy lily violet",
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
    (
        "mensajes",
        "mensaje mensajes texto textos texts text msj msjs mensajito mensajitos notificaciones recordatorios avisos \
         alertas mensajeria",
    ),
    // Of ours, more than one: who complains speaks of many.
    ("avisos", "mensajes textos notificaciones recordatorios avisos mensajitos texts alertas"),
    (
        "mandando",
        "mandando mandandome mandandonos enviando enviandome escribiendo escribiendome molestando molestandome texteando \
         texteandome avisando avisandome fastidiando recordando recordandome contactando contactandome",
    ),
    (
        "mandaran",
        "mandaran mandara enviaran enviara escribieran escribiera molestaran molestara contactaran contactara textearan \
         llegaran avisaran",
    ),
    (
        "mandele",
        "mandele mandenle mandale mandeselos mande manden manda escribale escribanle escribele escriba escriban envie \
         envien enviele envienle textee texteen texteele hablele hable hablen llame llamele llamen contacte contacten avise \
         avisele avisenle comuniquese text",
    ),
    (
        "llamen",
        "llamen llame llamenme llameme llamame llamenos hablen hable hableme hablenme hablame marquen marqueme telefoneen",
    ),
    ("llamadas", "llamada llamadas telefono correo email"),
    (
        "fastidiar",
        "molestar molestarme molestarnos fastidiar fastidiarme joder jodiendo chingar chingando fregar fregando acosar \
         acosarme insistir chingue chingarme jodernos molestando fastidiando",
    ),
    (
        "molestan",
        "molestan despiertan asustan confunden interrumpen fastidian cansan estresan incomodan enojan alteran hartan distraen",
    ),
    ("harto", "harto harta hartos hartas cansado cansada cansados aburrido aburrida fastidiado fastidiada hasta"),
    // Who answers a patient's phone in Spanish, or should be texted in the patient's place.
    (
        "familia",
        "mama papa madre padre esposo esposa hijo hija hijos hermano hermana abuelo abuela abuelito abuelita tio tia marido \
         mujer sobrina sobrino nieta nieto nuera yerno suegra suegro vecina vecino jefe patron senor senora amiga amigo",
    ),
    (
        "lugar",
        "taqueria carniceria panaderia negocio restaurante tienda oficina taller escuela iglesia empresa compania farmacia \
         peluqueria salon bar hotel mecanico lavanderia fabrica ferreteria despacho particular pizzeria banco abarrotes \
         trabajo floreria",
    ),
    (
        "quite",
        "quite quiten quita saque saquen borre borren borra borrar elimine eliminen eliminar remueva remuevan \
         remover quitar sacar remove take delete",
    ),
    (
        "quiteme",
        "quiteme quitenme quitame saqueme quitenos saquenos borrenos saquenme sacame borreme borrenme borrame elimineme eliminenme eliminame \
         remuevame remuevanme bajeme bajenme bajame quitarme sacarme borrarme eliminarme",
    ),
    // What may stand between a verb and its object and says nothing by itself.
    (
        "fillers",
        "call calling another one single other a all an and any being be from further get getting got have having here in it me more my no of on our out \
         receive receiving send sending some stupid such that the these this those to us with your anymore \
         additional damn fucking fuckin freaking frickin goddamn bloody shit crap please up for so many just w about \
         whatever ya con de los las mis mas sus tus la mi su tu el esos estos esta este esa ese recibir que ningun \
         tantos mandando mandar mandarme mandarnos enviar enviarme enviando otro",
    ),
    // What begins another thought, so that what follows is not about what came before.
    (
        "breaks",
        "and but so just then when if until unless while because can could will would should may i we she he after \
         before or as though still also else only than pero y si cuando porque solo sino entonces para hasta mientras",
    ),
    // Courtesy, impatience, and other words that an opt-out comes wrapped in.
    (
        "courtesies",
        "please thanks thank you ok okay hi hello hey but no yes yeah just already now sorry sir maam the so and \
         well omg por favor porfa gracias ya hola disculpe perdon i am anymore seriously kindly again all \
         everything it this yo si guys people immediately asap right bye",
    ),
];
