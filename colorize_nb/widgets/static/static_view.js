const view = this.closest(".static-view"), shots = [...view.querySelectorAll(".shots > div")];
shots.forEach((shot, i) => { shot.hidden = i != +this.value });
view.querySelector("output").textContent = shots[+this.value].dataset.value;
this.setAttribute("aria-valuetext", shots[+this.value].dataset.value);
