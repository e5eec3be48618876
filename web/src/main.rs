//! The playground: a page on which a Kafka log engine runs.
//!
//! - [`state`] is what the page knows: a pure fold over actions, which gives back commands.
//! - [`client`] runs the commands: it starts the workers, talks to them, asks the browser.
//! - [`components`] show the state and turn what a person does into actions.
//! - [`strings`] has every word.

mod client;
mod components;
mod format;
mod state;
mod strings;

fn main() {
    strings::set_words(client::modules::words());
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"));
    if let Some(root) = root {
        yew::Renderer::<components::App>::with_root(root).render();
    }
}
