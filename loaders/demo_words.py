"""The words of the sample shop: names of people from many places, and what its shelves hold."""

from __future__ import annotations

from typing import NamedTuple


class Line(NamedTuple):
    """One interest inside a category. ``things`` go from cheap to dear; titles (books, films) have no makers."""

    makers: tuple[str, ...]
    things: tuple[str, ...]


class Category(NamedTuple):
    """A shelf of two lines. ``low`` and ``high`` bound its prices, in whole units of the currency."""

    name: str
    low: int
    high: int
    qualifiers: tuple[str, ...]
    lines: tuple[Line, ...]


def _people(text: str) -> tuple[tuple[list[str], list[str]], ...]:
    """Blocks of ``given names / family names``."""
    halves = (block.split("/") for block in text.strip().split("\n\n"))
    return tuple((given.split(), family.split()) for given, family in halves)


def _shelves(text: str) -> tuple[Category, ...]:
    """Blocks of ``category | low | high | qualifiers``, then a row ``makers | things`` per line."""
    return tuple(_shelf(block.splitlines()) for block in text.strip().split("\n\n"))


def _shelf(rows: list[str]) -> Category:
    name, low, high, qualifiers = rows[0].split(" | ")
    lines = tuple(Line(*(_words(part) for part in row.split("|"))) for row in rows[1:])
    return Category(name, int(low), int(high), _words(qualifiers), lines)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


PEOPLE = _people("""
Alice Amelia Arthur Callum Charlotte Daniel Edward Eleanor Freya George Grace Harriet Isla Jack Lily Martha Noah
Oliver Poppy Rowan
/ Barnes Bennett Carter Clarke Davies Ellis Fletcher Foster Hughes Marsh Morgan Parker Reed Shaw Spencer Turner Walsh
Webb Wood Wright

Alba Álvaro Carmen Diego Elena Gonzalo Inés Iván Javier Jimena José Lola Lucía Marta Mateo Nuria Pablo Rocío Sergio
Valentina
/ Aguilar Blanco Castro Delgado Domínguez Fuentes García Herrera Iglesias León Márquez Navarro Ortega Peña Ramos Rivas
Romero Sáez Torres Vega

Ana Beatriz Bruno Caio Camila Catarina Clara Davi Duarte Gabriel Helena Henrique João Larissa Luana Mariana Rafael Rui
Sofia Tiago
/ Almeida Araújo Barbosa Cardoso Carvalho Costa Ferreira Gomes Lima Lopes Moreira Nunes Oliveira Pereira Pinto Ribeiro
Rocha Santos Silva Teixeira

Adèle Antoine Camille Chloé Élodie Étienne Fabien Hugo Jeanne Juliette Léa Louis Manon Mathieu Nina Océane Pauline
Rémi Théo Yann
/ Bernard Blanchet Chevalier Dubois Dupont Fontaine Girard Lambert Laurent Lefèvre Leroy Marchand Mercier Moreau
Perrin Renard Rousseau Roux Simon Vidal

Anke Annika Ben Clemens Felix Franziska Greta Jonas Jule Katharina Lena Lukas Marlene Matthias Moritz Nele Paula
Sebastian Theresa Till
/ Bauer Becker Brandt Fischer Hartmann Hoffmann Keller Koch König Krüger Lehmann Maier Müller Neumann Richter Schäfer
Schneider Vogel Weber Zimmermann

Alessia Andrea Beatrice Chiara Davide Elisa Federico Francesca Giorgia Giulia Jacopo Laura Lorenzo Marco Matteo
Michela Paolo Riccardo Silvia Tommaso
/ Barbieri Bianchi Caruso Colombo Conti Costa Esposito Ferrari Fontana Gallo Greco Lombardi Mancini Marino Moretti
Ricci Rinaldi Romano Russo Vitale

Agnieszka Aleksander Bartosz Dorota Ewa Filip Hanna Jakub Jan Joanna Kasia Łukasz Magda Michał Ola Paweł Piotr Tomasz
Zofia Zuzanna
/ Baran Czarnecki Dąbek Duda Gajda Głowacz Jabłoński Kaczmarek Kamiński Kowal Król Lis Mazur Nowak Pawlak Sikora
Szymczak Wilk Wójcik Zając

Aino Astrid Birgit Eero Elsa Erik Gustav Ida Ingrid Johan Jukka Kaisa Lars Liv Magnus Maja Mikko Nils Sigrid Sven
/ Andersen Berg Bergström Dahl Eriksson Hansen Heikkinen Holm Jensen Johansson Korhonen Lind Lindqvist Lund Mäkinen
Nielsen Nyberg Olsen Sandberg Virtanen

Ahmet Ali Asya Ayşe Berk Burak Can Ceren Deniz Ebru Elif Emre Gül Kerem Leyla Mehmet Nur Selin Yusuf Zeynep
/ Acar Aksoy Arslan Aydemir Bulut Çelik Demir Doğan Erdem Kaplan Kaya Kurt Koç Özkan Şahin Tekin Turan Yavuz Yaman
Yener

Amina Bilal Dalia Farid Hana Hassan Ibrahim Jamila Karim Khalid Layla Mariam Nadia Omar Rania Samir Tariq Yasmin
Youssef Zahra
/ Abadi Bakri Darwish Fahmi Farouk Ghanem Haddad Hamdan Hariri Kassem Khoury Mansour Masri Nasser Qasim Rahman Saleh
Shaheen Tahan Zidan

Aditi Ananya Arjun Deepa Divya Farhan Ishaan Kavya Kiran Lakshmi Manish Meera Neha Priya Rahul Ravi Rohan Sanjay
Sunita Vikram
/ Bose Chandra Chopra Desai Gupta Iyer Joshi Kapoor Khan Kumar Mehta Menon Nair Patel Rao Reddy Sen Shah Sharma Verma

Bo Chen Fang Hao Hui Jia Jing Jun Lan Lei Li Mei Ming Na Ping Qing Wei Xin Yan Ying
/ Chan Cheng Deng Fan Gao Guo He Huang Jiang Lin Liu Lu Ma Tang Wang Wu Xu Yang Zhang Zhao

Aiko Akira Daichi Emi Haruka Haruto Hina Kaori Kenji Mai Mina Naoki Ren Sakura Sho Takumi Yui Yuki Yuna Yuto
/ Abe Fujita Hayashi Inoue Ito Kato Kimura Kobayashi Matsuda Mori Nakamura Ogawa Saito Sasaki Sato Shimizu Suzuki
Tanaka Watanabe Yamada

Abena Adaeze Amara Ayodele Chidi Chioma Efua Emeka Folake Ifeoma Kofi Kwame Makena Mosi Ngozi Nia Thabo Wanjiru Yaw
Zuri
/ Abara Adeyemi Afolabi Asante Balogun Boateng Dlamini Eze Kamau Kariuki Mensah Mwangi Ndlovu Nkosi Obi Okafor Okoye
Onyango Osei Owusu

Anh Bao Chau Dewi Duc Hoa Indah Jasmine Kim Linh Maria Minh Nguyet Putri Quang Rizal Siti Thanh Tuan Wulan
/ Bui Cruz Dang Do Dizon Ho Hoang Lam Le Ngo Nguyen Pham Phan Pratama Reyes Santoso Tran Vo Vu Wijaya
""")
"""Per part of the world: given names and family names."""

CATEGORIES = _shelves("""
outdoor | 12 | 290 | lightweight, waterproof, alpine, all-season, packable, rugged, windproof
Norrfell, Tindar | wool sock, walking pole, fleece, trail shoe, rain jacket, rucksack, hiking boot
Gratline, Cairnway | chalk bag, head torch, climbing belt, climbing shoe, helmet, rope, ice axe

camping | 9 | 340 | compact, folding, family, ultralight, recycled, rugged, classic
Larchwood, Fernhollow | peg set, water bottle, lantern, camp stove, sleeping mat, sleeping bag, tent
Vanwise, Openroad | mug, camp table, folding chair, cool box, awning, power station, roof box

running | 8 | 190 | breathable, reflective, racing, winter, seamless, everyday, summer
Velopace, Quickmoor | sock, cap, armband, singlet, shorts, tights, running shoe
Fellmark, Stonestep | gaiter, bottle belt, buff, base layer, hydration vest, trail jacket, trail shoe

cycling | 7 | 420 | commuter, gravel, touring, racing, classic, lightweight, city
Rouleur & Sons, Pedalia | bottle cage, bar tape, gloves, jersey, bib shorts, road helmet, wheel set
Kerbstone, Lanewise | bell, rear light, bike lock, pannier, rain cape, child seat, cargo trailer

swimming | 6 | 160 | open-water, training, slim, junior, racing, striped, long-distance
Bluelane, Tidewell | ear plugs, swim cap, kickboard, goggles, fins, swimsuit, training watch
Saltmark, Covehead | dry bag, tow float, water shoe, surf poncho, snorkel set, neoprene vest, wetsuit

yoga | 8 | 140 | organic, travel, soft, studio, calm, natural, classic
Asanaya, Stillpoint | strap, block, towel, mat bag, top, leggings, mat
Lotusfield, Quietude | incense, eye pillow, candle, singing bowl, bolster, meditation cushion, meditation bench

kitchen | 8 | 260 | stainless, heavy, classic, professional, compact, large, hand-finished
Ferrand, Steelbrook | peeler, grater, chopping board, paring knife, santoku knife, frying pan, casserole
Hearthby, Copperlea | ladle, colander, mixing bowl, saucepan, wok, pressure cooker, stock pot

baking | 5 | 330 | wooden, artisan, classic, deep, large, compact, professional
Crumb & Crust, Millrace | dough scraper, lame, proving basket, loaf tin, baking stone, bread oven, grain mill
Sugarlane, Pâtisia | cutter set, piping bag, cake tin, cake stand, kitchen scale, hand mixer, stand mixer

coffee | 8 | 540 | slow, precision, matte, barista, classic, portable, professional
Alta Loma, Brewhaus | filter papers, coffee beans, dripper, scale, gooseneck kettle, hand grinder, batch brewer
Torchio, Crema Nove | tamper mat, espresso beans, milk jug, tamper, knock box, burr grinder, espresso machine

tea | 6 | 120 | everyday, ceremonial, fine, classic, travel, organic, signature
Leaf & Ember, Darjee | tea strainer, black tea, oolong, tea tin, tea cup set, teapot, kettle
Matsukaze, Midori Lane | whisk stand, green tea, bamboo whisk, matcha, tea bowl, side-handle pot, tea tray

garden | 4 | 280 | hardy, classic, cottage, balcony, rustic, long-lasting, organic
Hollyhock, Plotwell | seed packet, hand trowel, secateurs, watering can, garden fork, wheelbarrow, cold frame
Bumblefield, Wildacre | wildflower mix, bird feeder, bee hotel, nest box, hedgehog house, rain barrel, garden bench

houseplants | 6 | 110 | small, tall, sunny, shady, rare, classic, indoor
Fern & Frond, Leaftide | mister, plant food, pothos, plant pot, monstera, hanging planter, fiddle-leaf fig
Sandgarden, Agavea | cactus soil, succulent, aloe, terracotta pot, prickly pear, grow light, olive tree

books | 9 | 32 | The Silent, A Distant, The Last, An Unfinished, The Borrowed, Beneath the, The Summer
| Harbour, Orchard, Letter, Staircase, Winter, Island, Archive
| Daughters, Ocean, Clockmaker, Sisters, House, Lantern, Cartographer

crime | 8 | 28 | Murder at the, Death at the, Secrets of the, Midnight at the, Shadows over the, Back to the, The Cold
| Vicarage, Lighthouse, Quarry, Ferry, Canal, Vineyard, Observatory
| Night Train, Frozen Lake, Opera House, Seventh Floor, Old Mill, Border, Terminal

science | 12 | 48 | The Hidden Life of, A History of, Thinking about, Understanding, Stories of, Notes on, Praise of
| Trees, Rivers, Bees, Oceans, Birds, Mountains, Fossils
| Numbers, Stars, Machines, Light, Time, Networks, Chance

cookbooks | 14 | 46 | Simple, Sunday, A Year of, Everyday, The Art of, Honest, Modern
| Soups, Vegetables, Curries, Noodles, Dumplings, Street Food, Feasts
| Bread, Pies, Pickles, Cakes, Pasta, Cheese, Pastry

children | 7 | 60 | sleepy, brave, curious, wooden, musical, counting, magic
Pebblekin, Tumbletoy | rattle, stacking ring, puzzle cube, bear, pull-along duck, xylophone, marble run
Moonhare, Tiny Atlas | picture book, colouring book, sticker atlas, story cards, night light, craft box, play tent

board games | 11 | 95 | Kingdoms of, Traders of, Escape from, The Guilds of, Islands of, Legends of, Return to
| Amberfall, Calder, Vesper, Tarn, Orrin, Highmere, Eldermoor
| Station Nine, Mars, the Reef, Orbit, the Deep, Saturn, Nova

puzzles | 9 | 70 | large, double-sided, vintage, wooden, panoramic, travel, tricky
Jigsmith, Piecewise | cat jigsaw, map jigsaw, harbour jigsaw, garden jigsaw, library jigsaw, alpine jigsaw, star jigsaw
Twistwell, Brainbox | wire puzzle, logic book, twist cube, disentangler, trick box, cipher kit, escape box

music | 12 | 46 | Songs for, Letters to, Nocturnes for, Blues for, Postcards from, Dancing in, Echoes of
| Empty Rooms, Lisbon, Midnight, Autumn, the Sea, Ella, the Evening Train
| Neon City, Static, Monday, the Afterparty, Concrete, Satellites, the Loud

films | 8 | 34 | The Lonely, A Perfect, The Quiet, Another, The Brilliant, Almost, The Stolen
| Projectionist, Summer, Gardener, Wedding, Pianist, Goodbye, Village
| Planet, Heist, Signal, Pursuit, Machine, Zero Hour, Eclipse

audio | 15 | 620 | studio, walnut, pocket, classic, retro, limited-edition, matte
Sonavox, Hallmere | audio cable, earphones, clip speaker, headphones, soundbar, bookshelf speakers, amplifier
Groovehaus, Waxwork | record brush, slipmat, record crate, cartridge, phono stage, cassette deck, turntable

photography | 12 | 880 | compact, fast, vintage, travel, classic, professional, black
Lumaris, Fotonord | lens cloth, memory card, camera strap, camera bag, tripod, prime lens, mirrorless camera
Silvergrain, Argentia | film roll, film case, photo album, light meter, flash, instant camera, film camera

computing | 9 | 780 | ergonomic, silent, slim, fast, modular, compact, black
Keystead, Bytefield | cable set, mouse mat, mouse, laptop stand, keyboard, docking station, monitor
Solder & Co, Tinkerlab | jumper wires, sensor kit, breadboard, soldering iron, tiny computer, 3D printer, oscilloscope

smart home | 14 | 310 | wireless, low-energy, connected, discreet, solar, quiet, compact
Homewise, Lumenet | plug, bulb, motion sensor, light strip, wall switch, hub, blind motor
Guardhaus, Nestling | door sensor, leak alarm, smoke alarm, doorbell, thermostat, camera, door lock

stationery | 3 | 95 | recycled, linen, brass, fine, Japanese, pocket, classic
Inkwell & Oak, Calamus | pencil, ink cartridge set, notebook, ink bottle, letter set, pen case, fountain pen
Planfold, Papermoon | washi tape, sticky notes, desk pad, calendar, planner, ring binder, desk organiser

art supplies | 4 | 190 | student, artist, pocket, extra-fine, studio, professional, travel
Ochre & Umber, Pigmenta | brush, watercolour pad, gouache set, watercolour set, palette, oil set, easel
Linework, Graphis | eraser, fineliner set, sketchbook, ink set, marker set, light box, drawing tablet

knitting | 4 | 130 | chunky, fine, classic, Nordic, cosy, hand-made, travel
Woolhaven, Skein & Co | stitch markers, yarn, needles, pattern book, project bag, needle set, blanket kit
Threadbare, Calico Row | thread, fabric pack, shears, embroidery hoop, quilt kit, dress form, loom

home | 12 | 460 | round, low, classic, Nordic, slim, hand-made, grey
Haus Alder, Nordlek | cushion, vase, throw, mirror, rug, side table, armchair
Glowmere, Lichtung | candle holder, string lights, desk lamp, table lamp, pendant lamp, floor lamp, chandelier

fashion | 14 | 360 | relaxed, striped, vintage, classic, checked, navy, olive
Maison Aube, Tessera | belt, scarf, T-shirt, blouse, jeans, dress, wool coat
Streetlark, Offbeat | beanie, tote bag, hoodie, overshirt, cargo trousers, trainers, bomber jacket

pets | 4 | 170 | natural, soft, sturdy, colourful, washable, everyday, large
Waggle, Barkley | dog treats, ball, lead, harness, dog coat, dog bed, travel crate
Whiskerwood, Purrfold | catnip mouse, feather wand, cat litter, scratching post, drinking fountain, cat tunnel, cat tree

health | 6 | 150 | gentle, daily, mild, comfort, travel, classic, warming
Vitalund, Mendwell | plasters, vitamin D, throat spray, sleep tablets, heat pad, blood-pressure meter, daylight lamp
Serena, Kindred | allergy tablets, joint cream, test strips, knee brace, iron tonic, glucose meter, massage device

pregnancy | 8 | 180 | soft, organic, gentle, everyday, travel, comfort, classic
Lullaway, Bellamum | folic acid, test kit, stretch oil, nursing top, support belt, maternity jeans, pregnancy pillow
Firstdays, Cradlewood | muslin set, nursing pads, nursing cover, changing bag, baby monitor, breast pump, bedside crib
""")
