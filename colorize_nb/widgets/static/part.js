// Run `part`, the script above, with the state of the widget around it.
export default {
  async render({ model, el }) {
    const state = await model.widget_manager.get_model(model.get("part")), heard = [];
    const on = (name, f) => { state.on(name, f); heard.push([name, f]) };
    const end = await part.render({ el, model: { on, get: key => state.get(key), set: (key, value) => state.set(key, value), save_changes: () => state.save_changes(), send: (...told) => state.send(...told) } });
    return () => { end?.(); for (const [name, f] of heard) state.off(name, f) };
  }
}
