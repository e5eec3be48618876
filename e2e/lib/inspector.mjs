// The inspector as a person uses it.

/** Opens the list of everything and goes along these buttons of the inspector. */
export async function inspect(playground, ...names) {
  await playground.id("inspect").click();
  for (const name of names) await playground.id("inspector").getByTestId(name).click();
}

/** A control of the inspector. */
export function control(playground, name) {
  return playground.id("inspector").getByTestId(name);
}

/** What is said beside a control, once it is said. */
export async function said(playground, name) {
  const place = control(playground, name);
  await place.filter({ hasText: /\S/ }).waitFor();
  return place.innerText();
}

/** Waits until a figure of the inspector says this. */
export async function figure(playground, name, text) {
  await control(playground, name).filter({ hasText: typeof text === "string" ? new RegExp(`^${text}$`) : text }).waitFor();
}
