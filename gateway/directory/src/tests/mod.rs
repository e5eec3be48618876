mod conformance;
mod crash;
mod faulty;
mod layout;
mod support;
