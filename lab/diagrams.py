"Draw a network as boxes and arrows."
import matplotlib.pyplot as plt

COLORS = dict(given='#8a9aa5', layer='#c9703f', new='#3f7fc9', result='#5a9a5a') # data, layers, the page's idea, and the result

def draw_boxes(
    boxes, # Name -> (x, y, text, kind), where kind is a key of `COLORS`; a box is 1 wide
    arrows, # (from, to) or (from, to, text); an arrow leaves to the right unless the boxes have the same x
    size=(9, 3), # Inches
):
    "Draw a diagram and return the figure."
    fig, ax = plt.subplots(figsize=size, dpi=80, layout='constrained')
    for x,y,text,kind in boxes.values():
        ax.add_patch(plt.Rectangle((x-.5, y-.32), 1, .64, facecolor=COLORS[kind], edgecolor='none'))
        ax.text(x, y, text, ha='center', va='center', fontsize=8, color='white')
    for start,end,*text in arrows:
        (x0,y0,*_), (x1,y1,*_) = boxes[start], boxes[end]
        down = x0==x1
        side = 1 if y1>y0 else -1
        a, b = ((x0, y0+.32*side), (x1, y1-.32*side)) if down else ((x0+.5, y0), (x1-.5, y1))
        ax.annotate('', b, a, arrowprops=dict(arrowstyle='->', color='#555555', lw=1))
        if text: ax.text((a[0]+b[0])/2, (a[1]+b[1])/2+.05, text[0], ha='center', va='bottom', fontsize=7)
    xs, ys = [b[0] for b in boxes.values()], [b[1] for b in boxes.values()]
    ax.set(xlim=(min(xs)-.6, max(xs)+.6), ylim=(min(ys)-.45, max(ys)+.45))
    ax.axis('off')
    return fig
