//! The whole page: holds the state and the client, and passes actions and commands between them.

use std::mem;
use std::rc::Rc;

use gloo_events::{EventListener, EventListenerOptions};
use gloo_timers::callback::Interval;
use js_sys::Array;
use wasm_bindgen::JsCast;
use web_sys::{DragEvent, File};
use yew::prelude::*;

use super::fields::plain;

use super::banner::{banner, broker_badge};
use super::brokers::BrokersPanel;
use super::dialog::ConfirmDialog;
use super::groups::GroupsPanel;
use super::produce::ProducePanel;
use super::status::StatusPanel;
use super::topics::TopicsPanel;
use crate::client::modules::{self, Asked};
use crate::client::{self, Client, Inbox};
use crate::state::{Action, Confirm, ProduceAction, State};
use crate::strings;

const TICK_MS: u32 = 1000;

/// The root component.
pub(crate) struct App {
    state: State,
    client: Client,
    act: Callback<Action>,
    choose_file: Callback<File>,
    /// In which language the places for the modules were put on the page.
    mounted: Option<u32>,
    /// Goes up when the words are others: all of the page is made anew.
    language: u32,
    _tick: Interval,
    _drag: [EventListener; 3],
}

/// What reaches the root.
#[cfg_attr(
    target_pointer_width = "64",
    expect(
        clippy::large_enum_variant,
        reason = "nearly all messages are the large one, and each is moved once"
    )
)]
pub(crate) enum Message {
    Act(Action),
    /// A file was chosen or dropped: the client needs the file, the state its name.
    File(File),
    /// A module of the page asks for something.
    Asked(Asked),
}

impl Component for App {
    type Message = Message;
    type Properties = ();

    fn create(ctx: &Context<Self>) -> Self {
        let link = ctx.link();
        let inbox = Inbox::new(link.batch_callback(|actions: Vec<Action>| {
            actions.into_iter().map(Message::Act).collect::<Vec<_>>()
        }));
        let mut client = Client::new(Callback::from(move |action| inbox.push(action)));
        let mut state = State::default();
        for command in state.start(client::setup()) {
            client.run(command);
        }
        let asked = link.callback(Message::Asked);
        modules::attach(move |what| asked.emit(what));
        modules::tell_workers(&state.workers);
        let act = link.callback(Message::Act);
        let choose_file = link.callback(Message::File);
        let tick = act.clone();
        App {
            state,
            client,
            mounted: None,
            language: 0,
            _tick: Interval::new(TICK_MS, move || tick.emit(Action::Tick)),
            _drag: listen_for_files(&act, &choose_file),
            act,
            choose_file,
        }
    }

    fn update(&mut self, _ctx: &Context<Self>, message: Message) -> bool {
        let action = match message {
            Message::Act(action) => action,
            Message::File(file) => {
                let action = ProduceAction::FileChosen { name: file.name(), size: file.size() as u64 };
                self.client.set_file(file);
                Action::Produce(action)
            }
            Message::Asked(asked) => match self.asked(asked) {
                Some(action) => action,
                None => return false,
            },
        };
        if let Action::NewWords = action {
            self.language += 1;
        }
        let workers = self.state.workers.clone();
        let mut update = self.state.apply(client::now_ms(), action);
        for command in mem::take(&mut update.commands) {
            self.client.run(command);
        }
        if !Rc::ptr_eq(&workers, &self.state.workers) && workers != self.state.workers {
            modules::tell_workers(&self.state.workers);
        }
        update.render
    }

    fn rendered(&mut self, _ctx: &Context<Self>, _first: bool) {
        if self.mounted != Some(self.language) {
            self.mounted = Some(self.language);
            modules::mounted();
        }
    }

    fn view(&self, _ctx: &Context<Self>) -> Html {
        let state = &self.state;
        let can_act = state.can_act();
        let topics = &state.topics.names;
        html! {
            <div class="page" key={self.language} data-testid="drop-zone">
                <a class="skip" href="#playground">{ strings::skip() }</a>
                <header class="top">
                    { logo() }
                    <h1>{ "Headwater" }</h1>
                    { plain("p", "tagline", strings::tagline()) }
                    <div id="tools" class="tools" />
                    { broker_badge(&state.workers) }
                </header>
                { banner(&state.workers, &self.act) }
                <main id="playground" tabindex="-1">
                    <div id="side" class="side" />
                    <div id="stage" class="stage" />
                    <ProducePanel produce={state.produce.clone()} {can_act} act={&self.act} choose_file={&self.choose_file} />
                    <div class="wide">
                        <TopicsPanel topics={state.topics.clone()} {can_act} act={&self.act} />
                        <GroupsPanel groups={state.groups.clone()} topics={topics.clone()} {can_act} act={&self.act} />
                        <section id="read" class="panel" aria-labelledby="read-title" />
                        <BrokersPanel workers={state.workers.clone()} status={state.status.clone()} act={&self.act} />
                    </div>
                    <section id="send" class="panel" aria-labelledby="send-title" />
                    <StatusPanel status={state.status.clone()} workers={state.workers.clone()} {can_act} act={&self.act} />
                </main>
                if let Some(confirm) = &state.confirm {
                    <ConfirmDialog confirm={confirm.clone()} act={&self.act} />
                }
                if state.dragging {
                    <div class="drop-overlay" aria-hidden="true">{ plain("p", "", strings::drop_here()) }</div>
                }
                <p class="visually-hidden" role="status">{ &*state.announcement }</p>
            </div>
        }
    }
}

impl App {
    /// What a module asks for is done here, or is an action like a person's.
    fn asked(&mut self, Asked { what, first, second }: Asked) -> Option<Action> {
        let number = || first.as_f64().map(|number| number as i32);
        let host = || number().map(i32::cast_unsigned);
        match what.as_str() {
            "clients" => self.client.pass_to_clients(&first, &second),
            "hosts" => self.client.pass_to_hosts(&first),
            "port" => {
                let node_id = number()?;
                let host = self.state.workers.host_of(node_id);
                self.client.connect_port(node_id, host, second.dyn_ref()?);
            }
            "terminate-worker" => return host().map(Action::StopWorker),
            "start-worker" => return host().map(Action::StartWorker),
            "set-workers" => return host().map(Action::SetWorkers),
            "clear-everything" => return Some(Action::Ask(Confirm::ClearAll)),
            "words" => {
                let words = first.dyn_ref::<Array>()?.iter().filter_map(|word| word.as_string());
                return strings::set_words(words).then_some(Action::NewWords);
            }
            _ => {}
        }
        None
    }
}

fn logo() -> Html {
    html! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <path d="M3 10c4.5-5 8.5-5 13 0s8.5 5 13 0M3 17c4.5-5 8.5-5 13 0s8.5 5 13 0M3 24c4.5-5 8.5-5 13 0s8.5 5 13 0" />
        </svg>
    }
}

/// Files can be dropped anywhere: a near miss would make the browser leave the page.
fn listen_for_files(act: &Callback<Action>, choose_file: &Callback<File>) -> [EventListener; 3] {
    let target = web_sys::window().and_then(|window| window.document()).map(JsCast::unchecked_into);
    let target: web_sys::EventTarget = target.unwrap_or_else(|| js_sys::global().unchecked_into());
    let (over, left, dropped, choose_file) = (act.clone(), act.clone(), act.clone(), choose_file.clone());
    let options = EventListenerOptions::enable_prevent_default();
    [
        EventListener::new_with_options(&target, "dragover", options, move |event| {
            if carries_file(event) {
                event.prevent_default();
                over.emit(Action::Dragging(true));
            }
        }),
        EventListener::new(&target, "dragleave", move |event| {
            // Leaving one element for another is not leaving the page.
            let drag = event.dyn_ref::<DragEvent>();
            if drag.is_some_and(|drag| drag.related_target().is_none()) {
                left.emit(Action::Dragging(false));
            }
        }),
        EventListener::new_with_options(&target, "drop", options, move |event| {
            dropped.emit(Action::Dragging(false));
            if carries_file(event) {
                event.prevent_default();
                if let Some(file) = first_file(event) {
                    choose_file.emit(file);
                }
            }
        }),
    ]
}

fn carries_file(event: &Event) -> bool {
    let transfer = event.dyn_ref::<DragEvent>().and_then(DragEvent::data_transfer);
    transfer.is_some_and(|transfer| transfer.types().includes(&"Files".into(), 0))
}

fn first_file(event: &Event) -> Option<File> {
    event.dyn_ref::<DragEvent>()?.data_transfer()?.files()?.get(0)
}
